/* A wk_board_t on Zephyr's I2C, UART, clock, random numbers and hardware info. */
#ifndef WK_ZEPHYR_H
#define WK_ZEPHYR_H

#include <zephyr/device.h>
#include <zephyr/drivers/i2c.h>

#include "wk/wk_adxl345_bus.h"
#include "wk/wk_app.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Caller-owned, written by wk_zephyr_begin; `board` is for wk_app_begin. */
typedef struct {
    const struct i2c_dt_spec *sensor;
    const struct device *uart;
    wk_i2c_t i2c;
    wk_bus_t bus;
    wk_board_t board;
} wk_zephyr_t;

/* 0, or -ENODEV when a device is not ready, or what the UART's interrupts answer. `sensor` must
 * outlive it. There is one receive buffer, so there can be one board. */
int wk_zephyr_begin(wk_zephyr_t *out_zephyr, const struct i2c_dt_spec *sensor,
                    const struct device *uart);

#ifdef __cplusplus
}
#endif

#endif
