/* How accumulators become int8. This is the general setting, for kernels built on their own; the
 * exporter writes a file of this name beside each model, with what that model needs.
 *
 * WK_CONV_ROUNDING, WK_DENSE_ROUNDING: one of the WK_ROUND_* names of wk_layer.h.
 * WK_SMALL_SHIFTS: 1 promises, for every channel of the model, a right shift of 1 to 22, an
 * accumulator below 2^30 and an output range of all int8 values; kernels then skip checks.
 * WK_TAP_PAIRS: half the taps of a channel, rounded up, where all wk_conv1d_taps_max2 layers have
 * the same number; 0 otherwise.
 */
#ifndef WK_ENGINE_CONFIG_H
#define WK_ENGINE_CONFIG_H

#ifndef WK_CONV_ROUNDING
#define WK_CONV_ROUNDING WK_ROUND_AWAY
#endif
#ifndef WK_DENSE_ROUNDING
#define WK_DENSE_ROUNDING WK_ROUND_AWAY
#endif
#ifndef WK_SMALL_SHIFTS
#define WK_SMALL_SHIFTS 0
#endif
#ifndef WK_TAP_PAIRS
#define WK_TAP_PAIRS 0
#endif

#endif
