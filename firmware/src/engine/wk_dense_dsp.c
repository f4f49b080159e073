#include "wk/wk_target.h"

#if defined(WK_TARGET_DSP)

#include <string.h>

#include "wk/wk_dense.h"
#include "wk/wk_requantize.h"
#include "wk_wide.h"

/* The sums of one group of four outputs. The accumulators are emptied after every segment, before
 * they leave their 24 bits. */
static void group(const wk_dense_t *layer, const int8_t *tiles, const int32_t *wide, int32_t *sums)
{
    uint32_t left = WK_TILES(layer->inputs);

    memset(sums, 0, 4 * sizeof(sums[0]));
    while (left > 0) {
        const uint32_t count = left < layer->segment ? left : layer->segment;
        int32_t part[4];
        uint32_t i;

        wk_wide_dot_4(tiles, wide, count, part);
        for (i = 0; i < 4; i++) {
            sums[i] += part[i] >> 8;
        }
        tiles += count * WK_TILE4_BYTES;
        wide += count * 8u;
        left -= count;
    }
}

void wk_dense(const wk_dense_t *layer, const int8_t *in, int8_t *out, void *scratch)
{
    const uint32_t group_bytes = WK_TILES(layer->inputs) * WK_TILE4_BYTES;
    const uint32_t count = layer->outputs.count;
    const wk_channel_t *channel = layer->outputs.channels;
    const int8_t *tiles = layer->tiles;
    int32_t *const wide = (int32_t *)scratch;
    uint32_t at;

    wk_wide_inputs(in, (layer->inputs + 3u) / 4u, wide);
    for (at = 0; at < count; at += 4) {
        const uint32_t outputs = count - at < 4 ? count - at : 4;
        int32_t sums[4];
        uint32_t i;

        group(layer, tiles, wide, sums);
        for (i = 0; i < outputs; i++) {
            *out++ = wk_requantize(sums[i] + channel->bias, channel, &layer->outputs,
                                   WK_DENSE_ROUNDING);
            channel++;
        }
        tiles += group_bytes;
    }
}

#else
typedef int wk_dense_dsp_is_not_built;
#endif
