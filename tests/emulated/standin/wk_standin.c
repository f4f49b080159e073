#include "wk_standin.h"

#include "wk_model.h"

#if defined(__ARM_FEATURE_DSP)
/* One DSP instruction on purpose: an emulator whose core lacks it must fail. */
static int32_t accumulate(int32_t a, int32_t b, int32_t sum)
{
    int32_t out;
    __asm("smlad %0, %1, %2, %3" : "=r"(out) : "r"(a & 0xFFFF), "r"(b & 0xFFFF), "r"(sum));
    return out;
}
#else
static int32_t accumulate(int32_t a, int32_t b, int32_t sum)
{
    return sum + a * b;
}
#endif

void wk_standin_dot(const int8_t *in, const int8_t *weights, int8_t *out)
{
    for (int unit = 0; unit < WK_OUTPUT_LEN; unit++) {
        int32_t sum = 0;
        for (int i = 0; i < WK_INPUT_LEN; i++) {
            sum = accumulate(in[i], weights[unit * WK_INPUT_LEN + i], sum);
        }
        sum /= 256;
        out[unit] = (int8_t)(sum > 127 ? 127 : sum < -128 ? -128 : sum);
    }
}

void wk_standin_halve(int8_t *logits)
{
    for (int unit = 0; unit < WK_OUTPUT_LEN; unit++) {
        logits[unit] = (int8_t)(logits[unit] / 2);
    }
}
