#include "wk/wk_target.h"

#if defined(WK_TARGET_PLAIN)

#include "wk/wk_conv1d.h"
#include "wk/wk_requantize.h"
#include "wk_plain.h"

/* The largest of the convolutions that one output of one channel pools. */
static int32_t pooled(const wk_conv1d_t *layer, const int8_t *weights, const int8_t *in)
{
    int32_t largest = wk_plain_dot(weights, WK_TILE2_BYTES, in, layer->window);
    uint8_t i;

    for (i = 1; i < layer->pool; i++) {
        int32_t sum;

        in += layer->step;
        sum = wk_plain_dot(weights, WK_TILE2_BYTES, in, layer->window);
        largest = sum > largest ? sum : largest;
    }
    return largest;
}

static void convolve(const wk_conv1d_t *layer, const int8_t *tiles, const int8_t *in,
                     uint16_t steps, int8_t *out)
{
    const uint32_t pair_bytes = (uint32_t)WK_TILES(layer->window) * WK_TILE2_BYTES;
    uint16_t c;

    for (; steps > 0; steps--) {
        for (c = 0; c < layer->outputs.count; c++) {
            const int8_t *const weights = tiles + (c / 2u) * pair_bytes + (c % 2u) * 16u;
            const wk_channel_t channel = wk_channel(&layer->outputs.channels[c]);
            const int32_t sum = pooled(layer, weights, in) + channel.bias;

            *out++ = wk_requantize(sum, &channel, &layer->outputs, WK_CONV_ROUNDING);
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
