/* A dense layer: every output sees every input. */
#ifndef WK_DENSE_H
#define WK_DENSE_H

#include <stdint.h>

#include "wk/wk_layer.h"

typedef struct {
    const int8_t *tiles;
    wk_outputs_t outputs;
    uint16_t inputs;
    uint16_t segment; /* tiles after which a 24-bit accumulator is emptied; DSP only */
} wk_dense_t;

/* Bytes of scratch, aligned to 4. */
#if defined(WK_TARGET_DSP)
#define WK_DENSE_SCRATCH(inputs) (WK_TILES(inputs) * 32u)
#else
#define WK_DENSE_SCRATCH(inputs) 0
#endif

/* in may lie in the upper half of scratch, where the conversion reads it before it is overwritten:
 * at scratch + WK_DENSE_IN_PLACE(inputs). */
#define WK_DENSE_IN_PLACE(inputs) (WK_TILES(inputs) * 16u)

void wk_dense(const wk_dense_t *layer, const int8_t *in, int8_t *out, void *scratch);

#endif
