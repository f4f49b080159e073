/* wearkit for Arduino: everything a sketch needs, from one include. */
#ifndef WEARKIT_H
#define WEARKIT_H

#include <Arduino.h>

#include "wk/wk_adxl345.h"
#include "wk/wk_app.h"
#include "wk/wk_counts.h"
#include "wk/wk_text.h"
#include "wk/wk_text_app.h"

/* Start Wire at 400 kHz and return the bus of the ADXL345 at `address`, which is
 * WK_ADXL345_ADDRESS or WK_ADXL345_ADDRESS_ALT. A bus that hangs is freed after 5 ms and reported
 * as no answer, on cores whose Wire can do so. */
wk_bus_t wearkit_wire_bus(uint8_t address);

/* A wk_text_sink_t: context is a Print, such as &Serial. */
void wearkit_print(void *context, const char *text, size_t text_len);

/* A board for wk_app_begin: micros(), and frames over `link`, such as Serial. `bus` and `link` must
 * outlive it. boot_id: another number at every start, such as wearkit_noise(A0). */
wk_board_t wearkit_board(const wk_bus_t *bus, Stream &link, uint32_t boot_id);

/* 32 bits from the lowest ones of an analog pin to which nothing is connected. */
uint32_t wearkit_noise(uint8_t analog_pin);

#endif
