/* Convolution over time of each channel on its own. In plain C on every core. */
#ifndef WK_DEPTHWISE1D_H
#define WK_DEPTHWISE1D_H

#include <stdint.h>

#include "wk/wk_layer.h"

/* In a family that rounds WK_ROUND_UP, channels after the last whole block of so many round
 * WK_ROUND_AWAY: there vector code does the blocks, and other code the rest. */
#define WK_DEPTHWISE_BLOCK 8

/* Output channel c reads input channel c / (outputs.count / in_channels). The input's zero point is
 * not folded into these biases: steps before the first and after the last hold it. */
typedef struct {
    const int8_t *weights; /* [output channel][kernel] */
    wk_outputs_t outputs;
    uint16_t in_channels;
    uint16_t kernel;
    uint16_t stride;
    uint16_t pad_before;
    int8_t in_zero_point;
} wk_depthwise1d_t;

/* Write `steps` outputs of every channel from in_steps steps; out may not overlap in. */
void wk_depthwise1d(const wk_depthwise1d_t *layer, const int8_t *in, uint16_t in_steps,
                    uint16_t steps, int8_t *out);

#endif
