# Made clips of a ball that bounces, as raw video: mkdir clips; LC_ALL=C awk -f balls.awk
#
# 200 files clips/001.y4m, … of 20 frames of 32 by 32 pixels, grey. 16 is black in video, and 235 white.

function random(below) { state = (state * 16807) % 2147483647; return int(state / 8) % below }

BEGIN {
  state = seed ? seed : 7
  size = 32; radius = 4
  for (clip = 1; clip <= 200; clip++) {
    file = sprintf("clips/%03d.y4m", clip)
    printf "YUV4MPEG2 W%d H%d F25:1 Cmono\n", size, size > file
    x = radius + random(size - 2 * radius); y = radius + random(size - 2 * radius)
    u = random(2) ? 1 + random(2) : -1 - random(2); v = random(2) ? 1 + random(2) : -1 - random(2)
    for (frame = 0; frame < 20; frame++) {
      line = ""
      for (row = 0; row < size; row++)
        for (column = 0; column < size; column++)
          line = line sprintf("%c", (row - y) ^ 2 + (column - x) ^ 2 < radius ^ 2 ? 235 : 16)
      printf "FRAME\n%s", line > file
      if (x + u < radius || x + u >= size - radius) u = -u
      if (y + v < radius || y + v >= size - radius) v = -v
      x += u; y += v
    }
    close(file)
  }
}
