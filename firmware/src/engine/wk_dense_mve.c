#include "wk/wk_target.h"

#if defined(WK_TARGET_MVE)

#include "wk/wk_dense.h"
#include "wk_mve.h"

void wk_dense(const wk_dense_t *layer, const int8_t *in, int8_t *out, void *scratch)
{
    const wk_outputs_t outputs = layer->outputs;
    const uint32_t whole = layer->inputs / 16u;
    const uint32_t left = layer->inputs % 16u;
    const int8_t *tiles = layer->tiles;
    uint32_t at;

    (void)scratch;
    for (at = 0; at < outputs.count; at += 4) {
        int32x4_t total = vdupq_n_s32(0);

        if (whole > 0) {
            int32_t sums[4];

            wk_mve_dot_4(tiles, in, whole, sums);
            total = vldrwq_s32(sums);
            tiles += whole * WK_TILE4_BYTES;
        }
        if (left > 0) {
            total = wk_mve_rest(total, tiles, tiles + 32, in + whole * 16u, left);
            tiles += WK_TILE4_BYTES;
        }
        wk_mve_store(total, outputs.channels + at, outputs.count - at, &outputs, WK_DENSE_ROUNDING,
                     out + at);
    }
}

#else
typedef int wk_dense_mve_is_not_built;
#endif
