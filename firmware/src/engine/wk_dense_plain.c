#include "wk/wk_target.h"

#if defined(WK_TARGET_PLAIN)

#include "wk/wk_dense.h"
#include "wk/wk_requantize.h"
#include "wk_plain.h"

void wk_dense(const wk_dense_t *layer, const int8_t *in, int8_t *out, void *scratch)
{
    const uint32_t group_bytes = (uint32_t)WK_TILES(layer->inputs) * WK_TILE4_BYTES;
    uint16_t i;

    (void)scratch;
    for (i = 0; i < layer->outputs.count; i++) {
        const wk_channel_t channel = wk_channel(&layer->outputs.channels[i]);
        const int8_t *weights = layer->tiles + (i / 4u) * group_bytes + (i % 4u) * 16u;
        const int32_t sum = wk_plain_dot(weights, WK_TILE4_BYTES, in, layer->inputs);

        out[i] = wk_requantize(sum + channel.bias, &channel, &layer->outputs, WK_DENSE_ROUNDING);
    }
}

#else
typedef int wk_dense_plain_is_not_built;
#endif
