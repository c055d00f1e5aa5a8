"""Makes pictures.json: small PNG and JPEG files and what Pillow's convert("RGB") makes of them.

    pip install pillow && python3 make_pictures.py

The PNG files are written here, since Pillow writes neither interlaced ones nor all depths. Each entry: a name, the file,
the size, and the pixels, in base64.
"""
import base64, io, json, os, struct, zlib

import PIL
from PIL import Image


def numbers(seed):
    state = seed
    while True:
        state = (state * 1103515245 + 12345) % 2**31
        yield state >> 16


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def filtered(kind, row, above, step):
    out = bytearray([kind])
    for i, value in enumerate(row):
        a = row[i - step] if i >= step else 0
        b = above[i]
        c = above[i - step] if i >= step else 0
        p = a + b - c
        paeth = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
        out.append((value - [0, a, b, (a + b) // 2, paeth][kind]) % 256)
    return bytes(out)


def png(colour, depth, width, height, interlaced, colours=0, parts=1):
    source = numbers(colour * 100 + depth + width)
    # Smooth, so that filters matter, with some noise.
    most = (colours or 2**depth) - 1
    pixel = {}
    for y in range(height):
        for x in range(width):
            pixel[x, y] = [
                min(most, (x * (c + 3) * most // (4 * width) + y * most // (2 * height) + next(source) % (1 + most // 8)))
                for c in range(CHANNELS[colour])
            ]
    raw, kind = b"", 0
    for x0, y0, dx, dy in PASSES if interlaced else [(0, 0, 1, 1)]:
        columns = range(x0, width, dx)
        if not columns:
            continue
        above = None
        for y in range(y0, height, dy):
            bits = "".join(format(v, "0%db" % depth) for x in columns for v in pixel[x, y])
            bits += "0" * (-len(bits) % 8)
            row = bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))
            raw += filtered(kind % 5, row, above or bytes(len(row)), max(1, depth * CHANNELS[colour] // 8))
            above, kind = row, kind + 1
    data = zlib.compress(raw, 9)
    file = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced))
    file += chunk(b"tEXt", b"Comment\0made for a test")
    if colour == 3:
        file += chunk(b"PLTE", bytes(next(source) % 256 for _ in range(3 * (colours or 2**depth))))
    size = -(-len(data) // parts)
    for i in range(parts):
        file += chunk(b"IDAT", data[i * size : (i + 1) * size])
    return file + chunk(b"IEND", b"")


entries = []


def add(name, file):
    picture = Image.open(io.BytesIO(file))
    if picture.mode.startswith("I;16") or picture.mode == "I":
        # Pillow clips grey numbers of 16 bits; the upper bytes are what it takes of colours.
        wide = picture.convert("I").tobytes("raw", "I")
        grey = bytes(v >> 8 for (v,) in struct.iter_unpack("<i", wide))
        picture = Image.frombytes("L", picture.size, grey)
    rgb = picture.convert("RGB")
    encoded = lambda b: base64.b64encode(b).decode()
    entries.append(
        {"name": name, "file": encoded(file), "width": rgb.width, "height": rgb.height, "pixels": encoded(rgb.tobytes())}
    )


for colour, depths in [(0, [1, 2, 4, 8, 16]), (2, [8, 16]), (3, [1, 2, 4, 8]), (4, [8, 16]), (6, [8, 16])]:
    for depth in depths:
        for interlaced in [0, 1]:
            name = "png-%d-%d%s" % (colour, depth, "-interlaced" if interlaced else "")
            add(name, png(colour, depth, 13, 11, interlaced, parts=1 + interlaced * 2))
add("png-one-pixel-interlaced", png(2, 8, 1, 1, 1))
add("png-narrow-interlaced", png(0, 4, 3, 9, 1))
add("png-five-colours", png(3, 8, 9, 7, 0, colours=5))
buffer = io.BytesIO()
Image.frombytes("RGBA", (6, 5), bytes(next(n) % 256 for n in [numbers(5)] for _ in range(120))).save(buffer, "PNG")
add("png-by-pillow", buffer.getvalue())

smooth = Image.frombytes(
    "RGB", (33, 21), bytes(v for y in range(21) for x in range(33) for v in (x * 7, y * 12, 255 - x * 3 - y * 5))
)
for name, picture, options in [
    ("jpeg-420", smooth, dict(quality=90, subsampling=2)),
    ("jpeg-422", smooth, dict(quality=75, subsampling=1)),
    ("jpeg-444", smooth, dict(quality=95, subsampling=0)),
    ("jpeg-progressive", smooth, dict(quality=80, progressive=True)),
    ("jpeg-grey", smooth.convert("L"), dict(quality=90)),
    ("jpeg-inks", smooth.convert("CMYK"), dict(quality=90)),
]:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", **options)
    add(name, buffer.getvalue())

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "pictures.json"), "w") as out:
    json.dump({"made_with": "Pillow " + PIL.__version__, "pictures": entries}, out, indent=0)
    out.write("\n")
