// Prints what an ADXL345 measures, for `wearkit live --port ...`: 50 times a second, or as often as the
// model in the library needs it.
//
// Wiring (I2C): VIN to 3.3 V or the breakout's own regulator, GND, SDA, SCL, CS to 3.3 V. The bare
// part is not 5 V tolerant: on a 5 V board use a breakout with level shifters.
// The SDO pin chooses the address: low 0x53 (most breakouts), high 0x1D.

#include <wearkit.h>

#if __has_include(<wk_device_model.h>)
#include <wk_device_model.h>
const uint32_t RATE_MHZ = WK_DEVICE_RATE_MHZ;
#else
const uint32_t RATE_MHZ = WK_ADXL345_DEFAULT_RATE_MHZ; // or 6250, 12500, 25000, 100000, 200000
#endif
const uint8_t ADDRESS = WK_ADXL345_ADDRESS; // or WK_ADXL345_ADDRESS_ALT

static wk_bus_t bus;
static wk_text_app_t app;

void setup()
{
    Serial.begin(115200);
    bus = wearkit_wire_bus(ADDRESS);
    wk_text_app_begin(&app, &bus, wearkit_print, &Serial, RATE_MHZ, micros());
}

void loop()
{
    wk_text_app_step(&app, micros());
}
