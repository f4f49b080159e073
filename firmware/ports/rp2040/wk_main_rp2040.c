/* The wearable on an RP2040: ADXL345 on I2C0, the link on UART0. No SDK.
 *
 * wk_rp2040_settings is in .data, so that an emulator finds it in the image and can ask for another
 * stream; a board keeps what it was built with, until the host's CONFIG.
 */
#include "wk/wk_adxl345_bus.h"
#include "wk/wk_app.h"
#include "wk/wk_text_app.h"
#include "wk_rp2040.h"

#define STEP_US 5000u /* the sensor holds 32 samples, but time stamps should be fresh */
#define CHIP_RESET 0x40064008u /* 2.10.6 */
#define WATCHDOG_REASON 0x40058008u

extern const wk_classifier_t wk_device_model;

/* streams 0: lines of text. */
typedef struct {
    uint8_t streams;
    uint8_t streaming;
    uint8_t simulated;
} wk_rp2040_settings_t;

extern volatile wk_rp2040_settings_t wk_rp2040_settings;
volatile wk_rp2040_settings_t wk_rp2040_settings = {WK_FEATURE_SAMPLES | WK_FEATURE_PREDICTIONS, 0,
                                                    0};

static void print(void *context, const char *text, size_t text_len)
{
    (void)wk_uart_send(context, (const uint8_t *)text, text_len);
}

static void run_text(const wk_bus_t *bus)
{
    static wk_text_app_t app;

    wk_text_app_begin(&app, bus, print, NULL, wk_device_model.rate_mhz, wk_timer_us(NULL));
    app.simulated = wk_rp2040_settings.simulated != 0;
    for (;;) {
        while (wk_text_app_step(&app, wk_timer_us(NULL))) {
        }
        wk_timer_sleep(STEP_US);
    }
}

/* 0 power-on, 1 RUN pin, 2 debugger, 3 watchdog; 255 not known. */
static uint8_t reset_cause(void)
{
    const uint32_t chip = WK_REG(CHIP_RESET);

    if ((WK_REG(WATCHDOG_REASON) & 3u) != 0) {
        return 3;
    }
    if ((chip & 1u << 8) != 0) {
        return 0;
    }
    if ((chip & 1u << 16) != 0) {
        return 1;
    }
    return (chip & 1u << 20) != 0 ? 2 : 255;
}

int main(void)
{
    static wk_i2c_t i2c = {wk_i2c_transfer, NULL, WK_ADXL345_ADDRESS};
    static wk_board_t board = {.now_us = wk_timer_us,
                               .send = wk_uart_send,
                               .receive = wk_uart_receive,
                               .free_stack_bytes = wk_free_stack_bytes,
                               .uid = {'w', 'k', '-', 'r', 'p', '2', '0', '4'}};
    static wk_app_t app;
    wk_bus_t bus;
    wk_app_options_t options = {0};

    board.boot_id = wk_random();
    board.reset_cause = reset_cause();
    wk_clocks_begin();
    wk_uart_begin();
    wk_i2c_begin();
    bus = wk_adxl345_i2c_bus(&i2c);
    if (wk_rp2040_settings.streams == 0) {
        run_text(&bus);
    }
    board.bus = &bus;
    board.simulated = wk_rp2040_settings.simulated != 0;
    options.streams = wk_rp2040_settings.streams;
    options.streaming = wk_rp2040_settings.streaming != 0;
    wk_app_begin(&app, &board, &wk_device_model, options);
    for (;;) {
        wk_app_step(&app);
        wk_timer_sleep(STEP_US);
    }
}
