/* Inner products and requantization with the vector instructions of Cortex-M55 (MVE). */
#ifndef WK_MVE_H
#define WK_MVE_H

#include <arm_mve.h>
#include <stdint.h>

#include "wk/wk_layer.h"
#include "wk/wk_requantize.h"

/* The products of four channels, two of them at `tiles` and two at `next`, with the inputs at x0
 * (sums 0 to 3) and at x1 (sums 4 to 7), over `count` whole tiles, at least one. */
void wk_mve_dot_4x2(const int8_t *tiles, const int8_t *next, const int8_t *x0, const int8_t *x1,
                    uint32_t count, int32_t *sums);

/* The products of the four channels of a dense tile with the inputs at x, count at least one. */
void wk_mve_dot_4(const int8_t *tiles, const int8_t *x, uint32_t count, int32_t *sums);

/* The same with one window: sums 0 to 3. */
void wk_mve_dot_4x1(const int8_t *tiles, const int8_t *next, const int8_t *x, uint32_t count,
                    int32_t *sums);

/* Add the last `left` inputs, fewer than 16, to the sums of four channels, two of them at `tiles`
 * and two at `next`. Nothing past them is read of x. */
static inline int32x4_t wk_mve_rest(int32x4_t sums, const int8_t *tiles, const int8_t *next,
                                    const int8_t *x, uint32_t left)
{
    const int8x16_t in = vldrbq_z_s8(x, vctp8q(left));
    int32_t parts[4];

    parts[0] = vmladavq_s8(vldrbq_s8(tiles), in);
    parts[1] = vmladavq_s8(vldrbq_s8(tiles + 16), in);
    parts[2] = vmladavq_s8(vldrbq_s8(next), in);
    parts[3] = vmladavq_s8(vldrbq_s8(next + 16), in);
    return vaddq_s32(sums, vldrwq_s32(parts));
}

/* Four neighbouring outputs, or fewer at the end of a layer. channel: the first of them. */
static inline void wk_mve_store(int32x4_t sums, const wk_channel_t *channel, uint32_t count,
                                const wk_outputs_t *outputs, int rounding, int8_t *out)
{
    if (WK_SMALL_SHIFTS && rounding <= WK_ROUND_UP) {
        const mve_pred16_t some = vctp32q(count);
        const uint32x4_t at = vmulq_n_u32(vidupq_n_u32(0, 4), sizeof(*channel) / 4u);

        sums = vaddq_s32(sums, vldrwq_gather_offset_z_s32(&channel->bias, at, some));
        sums = vqrdmulhq_s32(sums, vldrwq_gather_offset_z_s32(&channel->multiplier, at, some));
        if (rounding == WK_ROUND_AWAY) {
            sums = vaddq_s32(sums, vshrq_n_s32(sums, 31));
        }
        sums = vrshlq_s32(sums, vnegq_s32(vldrwq_gather_offset_z_s32(&channel->shift, at, some)));
        sums = vaddq_n_s32(sums, outputs->zero_point);
        sums = vmaxq_s32(vminq_s32(sums, vdupq_n_s32(127)), vdupq_n_s32(-128));
        vstrbq_p_s32(out, sums, some);
    } else {
        int32_t each[4];
        uint32_t i;

        vstrwq_s32(each, sums);
        for (i = 0; i < 4 && i < count; i++) {
            out[i] = wk_requantize(each[i] + channel[i].bias, &channel[i], outputs, rounding);
        }
    }
}

#endif
