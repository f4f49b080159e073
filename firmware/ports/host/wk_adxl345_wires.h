/* The model at the end of I2C or SPI wires: addresses, R/W and multiple-byte bits, bus time.
 *
 * These are transfer functions for wk_i2c_t and wk_spi_t whose context is a wk_adxl345_wires_t.
 */
#ifndef WK_ADXL345_WIRES_H
#define WK_ADXL345_WIRES_H

#include "wk/wk_adxl345_bus.h"
#include "wk_adxl345_model.h"

/* bus_hz: clock of the wires; 0 takes no time. busy_ns: what all transfers took together. */
typedef struct {
    wk_adxl345_model_t *model;
    uint32_t bus_hz;
    uint64_t busy_ns;
} wk_adxl345_wires_t;

/* Not acknowledged (1) at any address but model->address, and as the model's faults say. */
int wk_adxl345_wires_i2c(void *context, uint8_t address, const uint8_t *out_bytes, uint8_t out_len,
                         uint8_t *in_bytes, uint8_t in_len);

/* Always 0: SPI has no acknowledgement. An absent part leaves the data line high. */
int wk_adxl345_wires_spi(void *context, uint8_t *bytes, uint8_t bytes_len);

/* A wait_us that lets the model's time pass. */
void wk_adxl345_wires_wait(void *context, uint32_t us);

#endif
