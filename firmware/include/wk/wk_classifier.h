/* A model as the program sees it: what it answers, and functions to ask it.
 *
 * `wearkit` writes one wk_classifier_t per bundle beside the bundle's C (wk_device_model.c), so the
 * program is the same whatever the network, and can be tested with a made-up one.
 */
#ifndef WK_CLASSIFIER_H
#define WK_CLASSIFIER_H

#include <stdbool.h>
#include <stdint.h>

#include "wk/wk_message.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WK_LOGITS_MAX 64

/* Logits of one head: where they begin in the output, and what a step of them is worth. */
typedef struct {
    uint8_t first;
    uint8_t logits_len;
    int8_t zero_point;
    float scale;
} wk_classifier_head_t;

/* length, hop: samples; rate_mhz: in 1000 s of the windows it was trained on, which is what the
 * program sets the sensor to.
 * run: a whole window, length * 3 int8 in model axes, into out_logits; 0 or a WK_ERR_*.
 * begin, push, logits: the same sample by sample; push takes `step` samples, logits answers for
 * the last `length` of them with 0, or WK_ERR_READY before. step 0: the model cannot stream.
 * golden_counts: golden_len windows, [window][sample][x, y, z]; golden_logits: what they must give;
 * both WK_FLASH.
 */
typedef struct {
    uint8_t id[WK_MODEL_ID_BYTES];
    uint16_t length;
    uint16_t hop;
    uint32_t rate_mhz;
    float input_scale_g;
    int8_t input_zero_point;
    uint8_t heads_len;
    uint8_t logits_len;
    wk_classifier_head_t heads[WK_HEADS_MAX];
    int (*run)(const int8_t *in, int8_t *out_logits);
    uint8_t step;
    void (*begin)(void);
    void (*push)(const int8_t *samples);
    int (*logits)(int8_t *out_logits);
    uint8_t golden_len;
    const int16_t *golden_counts;
    const int8_t *golden_logits;
} wk_classifier_t;

/* Ask every golden window, at once and, where the model can, as a stream. False at the first answer
 * that is not the expected one, bit for bit. Forgets whatever was streamed before. */
WK_MUST_CHECK bool wk_classifier_known_answers(const wk_classifier_t *classifier);

#ifdef __cplusplus
}
#endif

#endif
