/* A wk_board_t on ESP-IDF's I2C and UART drivers, timer, random numbers and eFuses. */
#ifndef WK_ESP_H
#define WK_ESP_H

#include "driver/i2c_master.h"
#include "driver/uart.h"
#include "wk/wk_adxl345_bus.h"
#include "wk/wk_app.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Caller-owned, written by wk_esp_begin; `board` is for wk_app_begin. */
typedef struct {
    i2c_master_dev_handle_t sensor;
    uart_port_t uart;
    wk_i2c_t i2c;
    wk_bus_t bus;
    wk_board_t board;
} wk_esp_t;

/* sensor: the ADXL345 at its address; uart: with its driver installed. Must be called by the task
 * that calls wk_app_step, whose stack it watches. */
void wk_esp_begin(wk_esp_t *out_esp, i2c_master_dev_handle_t sensor, uart_port_t uart);

#ifdef __cplusplus
}
#endif

#endif
