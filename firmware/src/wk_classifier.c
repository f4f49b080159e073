#include "wk/wk_classifier.h"

#include "wk/wk_counts.h"
#include "wk/wk_window.h"

/* The answers lie in flash, which an AVR reads by an instruction of its own. */
static bool same(const int8_t *logits, const int8_t *expected, uint8_t logits_len)
{
    uint8_t i;

    for (i = 0; i < logits_len; i++) {
        if (logits[i] != WK_FLASH_I8(expected + i)) {
            return false;
        }
    }
    return true;
}

static bool window_gives(const wk_classifier_t *classifier, const int8_t *input,
                         const int8_t *expected)
{
    int8_t logits[WK_LOGITS_MAX];

    return classifier->run(input, logits) == 0 &&
           same(logits, expected, classifier->logits_len);
}

static bool stream_gives(const wk_classifier_t *classifier, const int8_t *input,
                         const int8_t *expected)
{
    int8_t logits[WK_LOGITS_MAX];
    uint16_t sample;

    if (classifier->step == 0) {
        return true;
    }
    classifier->begin();
    for (sample = 0; sample < classifier->length; sample = (uint16_t)(sample + classifier->step)) {
        classifier->push(input + 3 * sample);
    }
    return classifier->logits(logits) == 0 &&
           same(logits, expected, classifier->logits_len);
}

bool wk_classifier_known_answers(const wk_classifier_t *classifier)
{
    const uint16_t values = (uint16_t)(3 * classifier->length);
    int8_t input[3 * WK_WINDOW_MAX];
    uint8_t window;
    uint16_t i;

    for (window = 0; window < classifier->golden_len; window++) {
        const int16_t *counts = classifier->golden_counts + (size_t)window * values;
        const int8_t *expected = classifier->golden_logits + (size_t)window * classifier->logits_len;

        for (i = 0; i < values; i++) {
            input[i] = wk_input_from_count(WK_FLASH_I16(counts + i));
        }
        if (!window_gives(classifier, input, expected) ||
            !stream_gives(classifier, input, expected)) {
            return false;
        }
    }
    if (classifier->step != 0) {
        classifier->begin();
    }
    return true;
}
