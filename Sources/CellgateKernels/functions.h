// Functions of activations and powers on vectors of LANES floats, and the slopes that their gradients need.

// Φ(−|x|) of the standard normal distribution over e^(−x²/2): t P(t), t = 1 / (1 + 0.28 |x|), P fitted by least squares
// to relative errors below 1e-8. `density` gets e^(−x²/2).
INLINE vf normal_tail(vf x, vf *density) {
  vf square = x * x, rest = fma_(x, x, -square);  // what the square rounds away
  rest = choose(square < __builtin_inff(), rest, splat(0));
  *density = exp_(square * -0.5f);
  *density = fma_(*density, rest * -0.5f, *density);
  vf t = 1.0f / fma_(magnitude(x), splat(0.28f), splat(1));
  vf p = splat(-0.0143887347f);
  p = fma_(p, t, splat(0.0716127959f));
  p = fma_(p, t, splat(-0.126127446f));
  p = fma_(p, t, splat(0.0814874091f));
  p = fma_(p, t, splat(-0.0296998824f));
  p = fma_(p, t, splat(0.0459455429f));
  p = fma_(p, t, splat(0.059189509f));
  p = fma_(p, t, splat(0.0856373296f));
  p = fma_(p, t, splat(0.102935588f));
  p = fma_(p, t, splat(0.111704053f));
  p = fma_(p, t, splat(0.111703838f));
  return t * p;
}

// x Φ(x), and its slope Φ(x) + x e^(−x²/2) / √(2π).
INLINE vf gelu_(vf x) {
  vf density, tail = normal_tail(x, &density);
  return choose(x < 0.0f, x * tail * density, x * fma_(-tail, density, splat(1)));
}

INLINE vf gelu_slope(vf x) {
  vf density, tail = normal_tail(x, &density) * density;
  return fma_(x * density, splat(0.398942280401432678f), choose(x < 0.0f, tail, 1.0f - tail));
}

// x σ(2 u), u = √(2/π) (x + 0.044715 x³): 1 + tanh(u) is 2 σ(2 u). And its slope.
INLINE vf gelu_tanh_argument(vf x) {
  return x * fma_(x * x, splat(2 * 0.797884560802865356f * 0.044715f), splat(2 * 0.797884560802865356f));
}

INLINE vf gelu_tanh_(vf x) { return x * sigmoid_(gelu_tanh_argument(x)); }

INLINE vf gelu_tanh_slope(vf x) {
  vf inner = x * fma_(x * x, splat(6 * 0.797884560802865356f * 0.044715f), splat(2 * 0.797884560802865356f));
  vf z = gelu_tanh_argument(x), less = sigmoid_(-magnitude(z));  // of σ(z) and σ(−z) the smaller, which loses no digits
  return fma_(less * (1.0f - less), inner, choose(z < 0.0f, less, 1.0f - less));
}

// x σ(x), and its slope σ(x) + x σ(x) σ(−x).
INLINE vf silu_(vf x) { return x * sigmoid_(x); }

INLINE vf silu_slope(vf x) {
  vf less = sigmoid_(-magnitude(x));
  return fma_(less * (1.0f - less), x, choose(x < 0.0f, less, 1.0f - less));
}

// |x|^e for finite x != 0: e^(e log |x|) through double, rounded about once. x = 2^n m, √½ <= m < √2, and
// log m = 2 artanh((m − 1) / (m + 1)).
INLINE vf power_of_magnitude(vf x, float e) {
#pragma clang fp contract(off)
  const int32_t root_half = 0x3f3504f3;
  vi tiny = x < 0x1p-126f;
  x = choose(tiny, x * 0x1p23f, x);
  vi above = (vi)x - root_half;
  vd n = __builtin_convertvector((above >> 23) - (tiny & 23), vd);
  vd m = __builtin_convertvector((vf)((above & 0x7fffff) + root_half), vd);
  vd s = (m - 1.0) / (m + 1.0), z = s * s;
  vd p = z * (1.0 / 15) + 1.0 / 13;
  p = p * z + 1.0 / 11;
  p = p * z + 1.0 / 9;
  p = p * z + 1.0 / 7;
  p = p * z + 1.0 / 5;
  p = p * z + 1.0 / 3;
  p = p * z + 1.0;
  vd y = (n * 0.693147180559945309 + 2.0 * s * p) * (double)e;
  y = y < -104.0 ? y * 0.0 - 104.0 : y;
  y = y > 89.0 ? y * 0.0 + 89.0 : y;
  vf k = __builtin_convertvector(y * 1.44269504088896341, vf) + 12582912.0f;
  vi bits = (vi)k;
  k = k - 12582912.0f;
  vf r = __builtin_convertvector(y - __builtin_convertvector(k, vd) * 0.693147180559945309, vf);
  return scale(expm1_reduced(r) + 1.0f, bits, k);
}

// x^e as C's pow: negative x only to whole powers, NaN otherwise; x^0 is 1 of any x.
INLINE vf power_(vf x, float e) {
  if (e == 0) return splat(1);
  const float infinity = __builtin_inff();
  const int small = e < 16777216 && e > -16777216;  // beyond, all floats are even
  const int32_t nearest = small ? (int32_t)e : 0;
  const int whole = !small || (float)nearest == e, odd = small && whole && (nearest & 1);
  vf size = magnitude(x), y = power_of_magnitude(size, e);
  y = choose(size == 0.0f, splat(e > 0 ? 0 : infinity), y);
  y = choose(size == infinity, splat(e > 0 ? infinity : 0), y);
  if (odd) y = (vf)((vi)y | ((vi)x & (int32_t)0x80000000));
  if (!whole) y = choose((x < 0.0f) & (size < infinity), splat(__builtin_nanf("")), y);
  return choose(x == x, y, x);
}
