/* The wearable on Zephyr: the sensor and the UART that the devicetree names. */
#include <zephyr/kernel.h>

#include "wk_zephyr.h"

#define STEP_MS 5 /* the sensor holds 32 samples, but time stamps should be fresh */

extern const wk_classifier_t wk_device_model;

int main(void)
{
    static const struct i2c_dt_spec sensor = I2C_DT_SPEC_GET(DT_NODELABEL(wk_adxl345));
    static const struct device *const uart = DEVICE_DT_GET(DT_CHOSEN(wearkit_uart));
    static wk_zephyr_t zephyr;
    static wk_app_t app;
    const wk_app_options_t options = {.streams = WK_FEATURE_SAMPLES | WK_FEATURE_PREDICTIONS};
    const int failed = wk_zephyr_begin(&zephyr, &sensor, uart);

    if (failed != 0) {
        return failed;
    }
    wk_app_begin(&app, &zephyr.board, &wk_device_model, options);
    for (;;) {
        wk_app_step(&app);
        k_msleep(STEP_MS);
    }
}
