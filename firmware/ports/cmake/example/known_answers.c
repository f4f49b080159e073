/* Does the model give its known answers here? The same check a board makes when it boots. */
#include <stdio.h>

#include "wk/wk_classifier.h"

extern const wk_classifier_t wk_device_model;

int main(void)
{
    const bool same = wk_classifier_known_answers(&wk_device_model);

    printf("model %02x%02x%02x%02x: %d golden windows, %s\n", wk_device_model.id[0],
           wk_device_model.id[1], wk_device_model.id[2], wk_device_model.id[3],
           wk_device_model.golden_len, same ? "all as expected" : "NOT as expected");
    return same ? 0 : 1;
}
