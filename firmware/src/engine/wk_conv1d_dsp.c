#include "wk/wk_target.h"

#if defined(WK_TARGET_DSP)

#include "wk/wk_conv1d.h"
#include "wk/wk_requantize.h"
#include "wk_wide.h"

/* Two channels of two convolutions at a time, or four of one. */

static inline int32_t larger(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

/* Outputs c and, where there is one, c + 1. */
static inline void store(const wk_outputs_t *outputs, uint32_t c, int32_t first, int32_t second,
                         int8_t *out)
{
    const wk_channel_t *const channel = outputs->channels + c;

    out[c] = wk_requantize(first + channel[0].bias, &channel[0], outputs, WK_CONV_ROUNDING);
    if (c + 1 < outputs->count) {
        out[c + 1] = wk_requantize(second + channel[1].bias, &channel[1], outputs,
                                   WK_CONV_ROUNDING);
    }
}

/* One output of every channel, the maximum of layer->pool windows. */
static void tiles_pooled(const wk_conv1d_t *layer, const int32_t *wide, int8_t *out)
{
    const wk_outputs_t outputs = layer->outputs;
    const uint32_t count = WK_TILES(layer->window);
    const uint32_t step = layer->step / 2u; /* four values are two words */
    const uint32_t pool = layer->pool;
    const int8_t *tiles = layer->tiles;
    uint32_t c;

    for (c = 0; c < outputs.count; c += 2) {
        int32_t sums[4];
        int32_t first;
        int32_t second;
        uint32_t i;

        wk_wide_dot_2x2(tiles, wide, wide + step, count, sums);
        first = larger(sums[0], sums[1]);
        second = larger(sums[2], sums[3]);
        for (i = 2; i < pool; i += 2) {
            const int32_t *const x = wide + i * step;

            wk_wide_dot_2x2(tiles, x, i + 1 < pool ? x + step : x, count, sums);
            first = larger(first, larger(sums[0], sums[1]));
            second = larger(second, larger(sums[2], sums[3]));
        }
        store(&outputs, c, first >> 8, second >> 8, out);
        tiles += count * WK_TILE2_BYTES;
    }
}

/* Two neighbouring outputs of every channel. */
static void tiles_two(const wk_conv1d_t *layer, const int32_t *wide, int8_t *out)
{
    const wk_outputs_t outputs = layer->outputs;
    const uint32_t count = WK_TILES(layer->window);
    const int8_t *tiles = layer->tiles;
    uint32_t c;

    for (c = 0; c < outputs.count; c += 2) {
        int32_t sums[4];

        wk_wide_dot_2x2(tiles, wide, wide + layer->step / 2u, count, sums);
        store(&outputs, c, sums[0] >> 8, sums[2] >> 8, out);
        store(&outputs, c, sums[1] >> 8, sums[3] >> 8, out + outputs.count);
        tiles += count * WK_TILE2_BYTES;
    }
}

/* One output of every channel. */
static void tiles_one(const wk_conv1d_t *layer, const int32_t *wide, int8_t *out)
{
    const wk_outputs_t outputs = layer->outputs;
    const uint32_t count = WK_TILES(layer->window);
    const uint32_t pair_bytes = count * WK_TILE2_BYTES;
    const int8_t *tiles = layer->tiles;
    uint32_t c;

    for (c = 0; c < outputs.count; c += 4) {
        int32_t sums[4];

        wk_wide_dot_4x1(tiles, tiles + pair_bytes, wide, count, sums);
        store(&outputs, c, sums[0] >> 8, sums[1] >> 8, out);
        if (c + 2 < outputs.count) {
            store(&outputs, c + 2, sums[2] >> 8, sums[3] >> 8, out);
        }
        tiles += 2u * pair_bytes;
    }
}

void wk_conv1d_tiles(const wk_conv1d_t *layer, const int8_t *in, uint16_t steps, int8_t *out,
                     void *scratch)
{
    int32_t *const wide = (int32_t *)scratch;
    const uint32_t window = layer->window;
    const uint32_t step = layer->step;
    const uint32_t channels = layer->outputs.count;

    if (layer->pool > 1) {
        for (; steps > 0; steps--) {
            wk_wide_inputs(in, ((layer->pool - 1u) * step + window) / 4u, wide);
            tiles_pooled(layer, wide, out);
            in += layer->pool_stride * step;
            out += channels;
        }
        return;
    }
    for (; steps >= 2; steps = (uint16_t)(steps - 2)) {
        wk_wide_inputs(in, (step + window) / 4u, wide);
        tiles_two(layer, wide, out);
        in += 2u * step;
        out += 2u * channels;
    }
    if (steps > 0) {
        wk_wide_inputs(in, window / 4u, wide);
        tiles_one(layer, wide, out);
    }
}

/* One output of every channel. */
static void taps_pooled(const wk_conv1d_t *layer, const int16_t *wide, int8_t *out)
{
    const wk_outputs_t outputs = layer->outputs;
    const uint32_t pairs = WK_TAP_PAIRS_OF(layer->window);
    const uint32_t step = layer->step;
    const uint32_t pool = layer->pool;
    const wk_tap_t *taps = layer->taps;
    uint32_t c;

    for (c = 0; c < outputs.count; c += 2) {
        int32_t first = INT32_MIN;
        int32_t second = INT32_MIN;
        uint32_t i;

        for (i = 0; i < pool; i += 2) {
            const int16_t *const x = wide + i * step;
            int32_t sums[4];

            wk_wide_taps_2x2(taps, x, i + 1 < pool ? x + step : x, pairs, sums);
            first = larger(first, larger(sums[0], sums[1]));
            second = larger(second, larger(sums[2], sums[3]));
        }
        store(&outputs, c, first, second, out);
        taps += 4u * pairs;
    }
}

void wk_conv1d_taps(const wk_conv1d_t *layer, const int8_t *in, uint16_t steps, int8_t *out,
                    void *scratch)
{
    const uint32_t hop = (uint32_t)layer->pool_stride * layer->step;
    int16_t *wide = (int16_t *)scratch;

    wk_wide_samples(in, (steps - 1u) * hop + (layer->pool - 1u) * layer->step + layer->window,
                    wide);
    for (; steps > 0; steps--) {
        taps_pooled(layer, wide, out);
        wide += hop;
        out += layer->outputs.count;
    }
}

#else
typedef int wk_conv1d_dsp_is_not_built;
#endif
