// The wearable's whole program: samples, and what the model says of them, as frames for
// `wearkit live --port ... --bundle ... --verify`.
//
// For boards with 16 KB of RAM or more and a 32-bit core; wiring as in adxl345_text. The library
// must have a model in it: `wearkit firmware --bundle B --port arduino --out FOLDER` makes that one.
// An 8-bit board with the memory (Mega 2560) sends samples only: a window would take it too long.

#include <wearkit.h>

#if defined(RAMEND) && RAMEND < 0x1000
#error "This board has too little RAM for frames: use the example adxl345_text."
#endif

#if __has_include(<wk_device_model.h>)
#include <wk_device_model.h>
#else
#define WK_DEVICE_RATE_MHZ WK_ADXL345_DEFAULT_RATE_MHZ // or 6250, 12500, 25000, 100000, 200000
#endif

#if defined(__AVR__)
static const wk_classifier_t *const model = NULL;
#elif __has_include(<wk_model.h>)
static const wk_classifier_t *const model = &wk_device_model;
#else
#error "This library has no model in it: make one with wearkit firmware --port arduino."
#endif

const uint8_t ADDRESS = WK_ADXL345_ADDRESS; // or WK_ADXL345_ADDRESS_ALT

static wk_bus_t bus;
static wk_board_t board;
static wk_app_t app;

void setup()
{
    wk_app_options_t options;

    Serial.begin(115200);
    bus = wearkit_wire_bus(ADDRESS);
    board = wearkit_board(&bus, Serial, wearkit_noise(A0));
    options.streams = WK_FEATURE_SAMPLES | WK_FEATURE_PREDICTIONS;
    options.streaming = false;
    options.rate_mhz = WK_DEVICE_RATE_MHZ; // of the samples; with a model its own rate holds
    wk_app_begin(&app, &board, model, options);
}

void loop()
{
    wk_app_step(&app);
}
