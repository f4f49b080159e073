#include "wk/wk_target.h"

#if defined(WK_TARGET_MVE)

#include <arm_mve.h>

#include "wk/wk_mean.h"

void wk_mean_add(int16_t *sums, const int8_t *column, uint16_t channels)
{
    int32_t left;

    for (left = channels; left > 0; left -= 8) {
        const mve_pred16_t some = vctp16q((uint32_t)left);
        const int16x8_t values = vldrbq_z_s16(column, some);

        vst1q_p_s16(sums, vaddq_s16(vld1q_z_s16(sums, some), values), some);
        sums += 8;
        column += 8;
    }
}

void wk_mean_replace(int16_t *sums, int8_t *oldest, const int8_t *column, uint16_t channels)
{
    int32_t left;

    for (left = channels; left > 0; left -= 8) {
        const mve_pred16_t some = vctp16q((uint32_t)left);
        const int16x8_t values = vldrbq_z_s16(column, some);
        const int16x8_t change = vsubq_s16(values, vldrbq_z_s16(oldest, some));

        vst1q_p_s16(sums, vaddq_s16(vld1q_z_s16(sums, some), change), some);
        vstrbq_p_s16(oldest, values, some);
        sums += 8;
        column += 8;
        oldest += 8;
    }
}

void wk_mean_of(const int16_t *sums, uint16_t steps, uint16_t channels, int8_t *out)
{
    const uint32x4_t reciprocal = vdupq_n_u32(wk_mean_reciprocal(steps));
    const int32_t offset = 128 * steps + steps / 2;
    int32x4_t mean;

    for (; channels >= 4; channels = (uint16_t)(channels - 4)) {
        mean = vaddq_n_s32(vldrhq_s32(sums), offset);
        mean = vreinterpretq_s32_u32(vmulhq_u32(vreinterpretq_u32_s32(mean), reciprocal));
        vstrbq_s32(out, vsubq_n_s32(mean, 128));
        sums += 4;
        out += 4;
    }
    if (channels > 0) {
        const mve_pred16_t some = vctp32q(channels);

        mean = vaddq_n_s32(vldrhq_z_s32(sums, some), offset);
        mean = vreinterpretq_s32_u32(vmulhq_u32(vreinterpretq_u32_s32(mean), reciprocal));
        vstrbq_p_s32(out, vsubq_n_s32(mean, 128), some);
    }
}

void wk_forget(int8_t *buffer, uint16_t dropped, uint16_t kept)
{
    const int8_t *from = buffer + dropped;

    /* A vector is read whole before it is written, and what follows lies further on. */
    for (; kept >= 16; kept = (uint16_t)(kept - 16)) {
        vst1q_s8(buffer, vld1q_s8(from));
        buffer += 16;
        from += 16;
    }
    while (kept-- > 0) {
        *buffer++ = *from++;
    }
}

#else
typedef int wk_mean_mve_is_not_built;
#endif
