#include "wk/wk_target.h"

#if defined(WK_TARGET_PLAIN)

#include "wk/wk_conv1d.h"
#include "wk/wk_requantize.h"
#include "wk_plain.h"

static inline int32_t larger(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

/* The largest of the convolutions that one output of two channels pools. */
static void pooled(const wk_conv1d_t *layer, const int8_t *tiles, const int8_t *in,
                   int32_t *out_first, int32_t *out_second)
{
    uint8_t left = layer->pool;
    int32_t sums[4];

    *out_first = INT32_MIN;
    *out_second = INT32_MIN;
    for (; left >= 2; left = (uint8_t)(left - 2)) {
        wk_plain_dot_2x2(tiles, in, in + layer->step, layer->window, sums);
        *out_first = larger(*out_first, larger(sums[0], sums[1]));
        *out_second = larger(*out_second, larger(sums[2], sums[3]));
        in += 2 * layer->step;
    }
    if (left > 0) {
        sums[0] = wk_plain_dot(tiles, in, layer->window);
        sums[1] = wk_plain_dot(tiles + 16, in, layer->window);
        *out_first = larger(*out_first, sums[0]);
        *out_second = larger(*out_second, sums[1]);
    }
}

static int8_t output(const wk_conv1d_t *layer, uint16_t c, int32_t sum)
{
    const wk_channel_t channel = wk_channel(&layer->outputs.channels[c]);

    return wk_requantize(sum + channel.bias, &channel, &layer->outputs, WK_CONV_ROUNDING);
}

static void convolve(const wk_conv1d_t *layer, const int8_t *weights, const int8_t *in,
                     uint16_t steps, int8_t *out)
{
    const uint16_t count = layer->outputs.count;
    const uint16_t pair_bytes = (uint16_t)(WK_TILES(layer->window) * WK_TILE2_BYTES);
    uint16_t c;

    for (; steps > 0; steps--) {
        const int8_t *tiles = weights;

        for (c = 0; c < count; c = (uint16_t)(c + 2)) {
            int32_t first;
            int32_t second;

            pooled(layer, tiles, in, &first, &second);
            *out++ = output(layer, c, first);
            if (c + 1 < count) {
                *out++ = output(layer, (uint16_t)(c + 1), second);
            }
            tiles += pair_bytes;
        }
        in += layer->pool_stride * layer->step;
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

void wk_conv1d_tiles_max2(const wk_conv1d_t *layer, const int8_t *in, uint16_t steps, int8_t *out,
                          void *scratch)
{
    wk_conv1d_tiles(layer, in, steps, out, scratch);
}

void wk_conv1d_taps_max2(const wk_conv1d_t *layer, const int8_t *in, uint16_t steps, int8_t *out,
                         void *scratch)
{
    wk_conv1d_taps(layer, in, steps, out, scratch);
}

#else
typedef int wk_conv1d_plain_is_not_built;
#endif
