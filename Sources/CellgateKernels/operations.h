// Elementwise programs: each operation runs over n floats, n a multiple of LANES, and leaves its result
// in the first-level cache for the next. The result may be an operand's memory.

#define EACH(EXPRESSION)                                     \
  for (size_t i = 0; i < n; i += LANES) {                    \
    store(y + i, (EXPRESSION));                              \
  }                                                          \
  break;
#define A load(a + i)
#define B load(b + i)
#define C load(c + i)

static void operate(const cg_operation *operations, size_t count, float *const *slots, size_t n) {
  for (const cg_operation *o = operations; o < operations + count; o++) {
    float *y = slots[o->result];
    const float *a = slots[o->a], *b = slots[o->b], *c = slots[o->c];
    const vf k = splat(o->constant);
    switch (o->code) {
      case CG_COPY: EACH(A)
      case CG_FILL: EACH(k)
      case CG_ADD: EACH(A + B)
      case CG_SUBTRACT: EACH(A - B)
      case CG_MULTIPLY: EACH(A * B)
      case CG_DIVIDE: EACH(A / B)
      case CG_NEGATE: EACH(-A)
      case CG_ADD_CONSTANT: EACH(A + k)
      case CG_SUBTRACT_FROM_CONSTANT: EACH(k - A)
      case CG_MULTIPLY_CONSTANT: EACH(A * k)
      case CG_DIVIDE_CONSTANT: EACH(k / A)
      case CG_MULTIPLY_ADD: EACH(fma_(A, B, C))
      case CG_SUBTRACT_MULTIPLY: EACH(fma_(-A, B, C))
      case CG_SIGMOID: EACH(sigmoid_(A))
      case CG_TANH: EACH(tanh_(A))
      case CG_RELU: EACH(choose(A < 0.0f, splat(0), A))
      case CG_EXP: EACH(exp_(A))
      case CG_LOGARITHM: EACH(log_(A))
      case CG_SQUARE_ROOT: EACH(__builtin_elementwise_sqrt(A))
      case CG_SOFTPLUS: EACH(softplus_(A))
      case CG_ABSOLUTE: EACH(magnitude(A))
      case CG_MINIMUM: EACH(choose(A < B, A, choose(B <= A, B, A + B)))
      case CG_MAXIMUM: EACH(choose(A > B, A, choose(B >= A, B, A + B)))
      case CG_SIGMOID_GRADIENT: EACH(A * (B * (1.0f - B)))
      case CG_TANH_GRADIENT: EACH(A * fma_(-B, B, splat(1)))
      case CG_RELU_GRADIENT: EACH(choose(B > 0.0f, A, splat(0)))
      case CG_ABSOLUTE_GRADIENT: EACH(choose(B > 0.0f, A, choose(B < 0.0f, -A, A * B)))
      case CG_GREATER_GRADIENT: EACH(choose(B < C, splat(0), choose(B == C, A * 0.5f, A)))
      case CG_LESS: EACH(choose(A < B, splat(1), splat(0)))
      case CG_LESS_EQUAL: EACH(choose(A <= B, splat(1), splat(0)))
      case CG_EQUAL: EACH(choose(A == B, splat(1), splat(0)))
      case CG_NOT_EQUAL: EACH(choose(A != B, splat(1), splat(0)))
      case CG_SELECT: EACH(choose(A != 0.0f, B, C))
      case CG_POWER: EACH(power_(A, o->constant))
      case CG_SILU: EACH(silu_(A))
      case CG_GELU: EACH(gelu_(A))
      case CG_GELU_TANH: EACH(gelu_tanh_(A))
      case CG_SILU_GRADIENT: EACH(A * silu_slope(B))
      case CG_GELU_GRADIENT: EACH(A * gelu_slope(B))
      case CG_GELU_TANH_GRADIENT: EACH(A * gelu_tanh_slope(B))
      case CG_ACCUMULATE: EACH(load(y + i) + A)
      case CG_CLAMP: EACH(choose(A < 0.0f, splat(0), choose(A > k, k, A)))
    }
  }
}

#undef EACH
#undef A
#undef B
#undef C
