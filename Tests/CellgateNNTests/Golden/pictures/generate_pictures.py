"""Makes pictures.json: what torchvision's networks make of ten pictures. Prints the samples of PicturePreprocessingTests.

    pip install torch torchvision pillow safetensors && python3 generate_pictures.py

Weights and pictures follow from formulas that the tests compute, too (PictureNetworkTests, PicturePreprocessingTests).
With a folder as argument it writes there, for trying the command: ten pictures at their full size as PNG, the weights of
each network in full, and its features.
"""
import json, math, os, sys, zlib

import numpy as np
import torch, torchvision
from PIL import Image
from torchvision.models.resnet import Bottleneck, ResNet

SIZES = [(96, 72), (72, 96), (100, 100), (73, 80), (300, 90), (64, 64), (50, 40), (333, 501), (72, 72), (200, 73)]


def picture(index, width, height):
    x, y, c = np.meshgrid(np.arange(width), np.arange(height), np.arange(3), indexing="xy")
    value = (x * x * (3 + c) + y * y * 5 + x * y * (2 + c) + 37 * index) >> 5
    return Image.fromarray((value & 255).astype(np.uint8), "RGB")


def weights(model):
    """w[i] = (((a i + b) mod 2^31) >> 7) / 2^24 in 0 ..< 1, b the checksum of the name; then scaled by what it is."""
    state = {}
    for name, tensor in model.state_dict().items():
        if name.endswith("num_batches_tracked"):
            state[name] = tensor
            continue
        count = tensor.numel()
        seed = zlib.crc32(name.encode()) % 2**31
        i = np.arange(count, dtype=np.uint64)
        # Three rounds of a multiplicative hash, exact in 64 bits.
        h = (i + np.uint64(seed)) % np.uint64(2**31)
        for factor in (1103515245, 1664525, 22695477):
            h = (h * np.uint64(factor) + np.uint64(12345)) % np.uint64(2**31)
            h = h ^ (h >> np.uint64(15))
        u = (h >> np.uint64(7)).astype(np.float64) / 2**24
        if tensor.dim() == 4:
            fan = tensor[0].numel()
            values = (2 * u - 1) * math.sqrt(6 / fan)
        elif name.endswith("bn3.weight"):
            values = 0.1 + 0.2 * u
        elif name.endswith("running_var") or name.endswith("weight") and tensor.dim() == 1:
            values = 0.6 + 0.8 * u
        elif tensor.dim() == 1:
            values = 0.4 * u - 0.2
        else:
            values = 0.02 * u
        state[name] = torch.from_numpy(values.astype(np.float32)).reshape(tensor.shape)
    return state


def prepared(size, crop):
    t = torchvision.transforms
    return t.Compose([t.Resize(size), t.CenterCrop(crop)])


def features(model, x):
    """The regions [B, D, H, W] before pooling."""
    model.eval()
    with torch.inference_mode():
        if isinstance(model, ResNet):
            x = model.maxpool(model.relu(model.bn1(model.conv1(x))))
            return model.layer4(model.layer3(model.layer2(model.layer1(x))))
        return model.features(x)


def standardised(picture):
    t = torchvision.transforms
    return t.Compose([t.ToTensor(), t.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))])(picture)


here = os.path.dirname(os.path.abspath(__file__))
small = {
    "residual": ResNet(Bottleneck, [1, 1, 1, 1]),
    "mobilenet-v2": torchvision.models.mobilenet_v2(weights=None),
}
pictures = [picture(i, w, h) for i, (w, h) in enumerate(SIZES)]
result = {"made_with": "torchvision %s, torch %s" % (torchvision.__version__, torch.__version__), "networks": {}}
x = torch.stack([standardised(prepared(72, 64)(p)) for p in pictures])
for name, model in small.items():
    model.load_state_dict(weights(model))
    regions = features(model, x)
    pooled = torch.nn.functional.adaptive_avg_pool2d(regions, 1).flatten(1)
    grid = torch.nn.functional.adaptive_avg_pool2d(regions, 3).flatten(2).transpose(1, 2)
    result["networks"][name] = {
        # Every 32nd number of each picture, and the length of all of them.
        "pooled": [[float("%.7g" % v) for v in row[::32]] for row in pooled],
        "lengths": [float(row.double().norm()) for row in pooled],
        "grid": [[float("%.7g" % v) for v in row[:, ::256].flatten()] for row in grid[:2]],
    }
result["tensors"] = {}
for name, model in [
    ("resnet50", torchvision.models.resnet50), ("resnet101", torchvision.models.resnet101),
    ("resnet152", torchvision.models.resnet152), ("mobilenet-v2", torchvision.models.mobilenet_v2),
]:
    model = model(weights=None)
    tensors = sorted(
        "%s %s" % (k, list(v.shape)) for k, v in model.state_dict().items() if not k.startswith(("fc.", "classifier."))
        and not k.endswith("num_batches_tracked")
    )
    result["tensors"][name] = {"count": len(tensors), "checksum": zlib.crc32("\n".join(tensors).encode())}
for i, (width, height, size, crop) in enumerate([
    (500, 375, 256, 224), (375, 500, 256, 224), (500, 375, 232, 224), (256, 256, 256, 224), (256, 300, 256, 256),
    (30, 45, 256, 224), (1, 7, 16, 15), (641, 101, 64, 33), (1023, 767, 99, 98), (97, 97, 5, 4),
]):
    checksum = zlib.crc32(prepared(size, crop)(picture(i, width, height)).tobytes())
    print(
        "Sample(index: %d, width: %d, height: %d, size: %d, crop: %d, checksum: 0x%04X_%04X),"
        % (i, width, height, size, crop, checksum >> 16, checksum & 0xFFFF)
    )
with open(os.path.join(here, "pictures.json"), "w") as out:
    json.dump(result, out, indent=0)
    out.write("\n")

if len(sys.argv) > 1:
    from safetensors.torch import save_file

    folder = sys.argv[1]
    os.makedirs(os.path.join(folder, "pictures"), exist_ok=True)
    for i, p in enumerate(pictures):
        p = picture(i, 5 * SIZES[i][0], 5 * SIZES[i][1])
        p.save(os.path.join(folder, "pictures", "%d.png" % i))
    names = ["%d.png" % i for i in range(10)]
    for name in ["mobilenet_v2", "resnet50", "resnet101", "resnet152"]:
        model = getattr(torchvision.models, name)(weights=None)
        model.load_state_dict(weights(model))
        save_file(model.state_dict(), os.path.join(folder, name.replace("_", "-") + ".safetensors"))
        x = torch.stack([
            standardised(prepared(256, 224)(Image.open(os.path.join(folder, "pictures", n)).convert("RGB"))) for n in names
        ])
        regions = features(model, x)
        pooled = torch.nn.functional.adaptive_avg_pool2d(regions, 1).flatten(1)
        grid = regions.flatten(2).transpose(1, 2).contiguous()
        kind = name.replace("_", "-")
        save_file({n: v.clone() for n, v in zip(names, pooled)}, os.path.join(folder, kind + "-expected.safetensors"))
        save_file({n: v.clone() for n, v in zip(names, grid)}, os.path.join(folder, kind + "-grid-expected.safetensors"))
