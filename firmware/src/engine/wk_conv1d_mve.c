#include "wk/wk_target.h"

#if defined(WK_TARGET_MVE)

#include "wk/wk_conv1d.h"
#include "wk_mve.h"

/* Four channels of two convolutions at a time. */
typedef struct {
    int32x4_t x0;
    int32x4_t x1;
} pair_t;

static inline pair_t products(const int8_t *tiles, const int8_t *x0, const int8_t *x1,
                              uint32_t window)
{
    const uint32_t whole = window / 16u;
    const uint32_t left = window % 16u;
    const uint32_t pair_bytes = WK_TILES(window) * WK_TILE2_BYTES;
    pair_t pair = {vdupq_n_s32(0), vdupq_n_s32(0)};

    if (whole > 0) {
        int32_t sums[8];

        wk_mve_dot_4x2(tiles, tiles + pair_bytes, x0, x1, whole, sums);
        pair.x0 = vldrwq_s32(sums);
        pair.x1 = vldrwq_s32(sums + 4);
    }
    if (left > 0) {
        tiles += whole * WK_TILE2_BYTES;
        pair.x0 = wk_mve_rest(pair.x0, tiles, tiles + pair_bytes, x0 + whole * 16u, left);
        pair.x1 = wk_mve_rest(pair.x1, tiles, tiles + pair_bytes, x1 + whole * 16u, left);
    }
    return pair;
}

/* Four channels of one convolution. */
static inline int32x4_t single(const int8_t *tiles, const int8_t *x, uint32_t window)
{
    const uint32_t whole = window / 16u;
    const uint32_t left = window % 16u;
    const uint32_t pair_bytes = WK_TILES(window) * WK_TILE2_BYTES;
    int32x4_t sum = vdupq_n_s32(0);

    if (whole > 0) {
        int32_t sums[4];

        wk_mve_dot_4x1(tiles, tiles + pair_bytes, x, whole, sums);
        sum = vldrwq_s32(sums);
    }
    if (left > 0) {
        tiles += whole * WK_TILE2_BYTES;
        sum = wk_mve_rest(sum, tiles, tiles + pair_bytes, x + whole * 16u, left);
    }
    return sum;
}

/* The maximum of layer->pool convolutions. */
static inline int32x4_t pooled(const wk_conv1d_t *layer, const int8_t *tiles, const int8_t *x)
{
    const uint32_t window = layer->window;
    const uint32_t step = layer->step;
    uint32_t left = layer->pool;
    int32x4_t largest = vdupq_n_s32(INT32_MIN);

    for (; left >= 2; left -= 2) {
        const pair_t pair = products(tiles, x, x + step, window);

        largest = vmaxq_s32(largest, vmaxq_s32(pair.x0, pair.x1));
        x += 2u * step;
    }
    return left > 0 ? vmaxq_s32(largest, single(tiles, x, window)) : largest;
}

/* One output of every channel, or two neighbours where nothing is pooled. */
static void outputs_of(const wk_conv1d_t *layer, const int8_t *tiles, const int8_t *in, int two,
                       int8_t *out)
{
    const wk_outputs_t outputs = layer->outputs;
    const uint32_t window = layer->window;
    uint32_t c;

    for (c = 0; c < outputs.count; c += 4) {
        const wk_channel_t *const channel = outputs.channels + c;

        if (two) {
            const pair_t pair = products(tiles, in, in + layer->step, window);

            wk_mve_store(pair.x0, channel, outputs.count - c, &outputs, WK_CONV_ROUNDING, out + c);
            wk_mve_store(pair.x1, channel, outputs.count - c, &outputs, WK_CONV_ROUNDING,
                         out + outputs.count + c);
        } else {
            wk_mve_store(pooled(layer, tiles, in), channel, outputs.count - c, &outputs,
                         WK_CONV_ROUNDING, out + c);
        }
        tiles += 2u * WK_TILES(window) * WK_TILE2_BYTES;
    }
}

static void convolve(const wk_conv1d_t *layer, const int8_t *tiles, const int8_t *in,
                     uint16_t steps, int8_t *out)
{
    while (steps > 0) {
        const int two = layer->pool == 1 && steps > 1;

        outputs_of(layer, tiles, in, two, out);
        in += (1 + two) * layer->pool_stride * layer->step;
        out += (1 + two) * layer->outputs.count;
        steps = (uint16_t)(steps - 1 - two);
    }
}

void wk_conv1d_tiles(const wk_conv1d_t *layer, const int8_t *in, uint16_t steps, int8_t *out,
                     void *scratch)
{
    (void)scratch;
    convolve(layer, layer->tiles, in, steps, out);
}

void wk_conv1d_taps(const wk_conv1d_t *layer, const int8_t *in, uint16_t steps, int8_t *out,
                    void *scratch)
{
    (void)scratch;
    convolve(layer, layer->taps, in, steps, out);
}

#else
typedef int wk_conv1d_mve_is_not_built;
#endif
