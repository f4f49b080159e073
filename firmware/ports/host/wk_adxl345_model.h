/* An ADXL345 in software, as far as a driver can tell: registers, FIFO, and things gone wrong.
 *
 * Written from the data sheet, not from the driver, so that each can catch the other. Samples
 * are given in 1/256 g and come out as the part would send them under its current DATA_FORMAT
 * (range, FULL_RES, justification); settings are taken at the moment a sample enters the FIFO.
 * Not modelled: interrupts, taps, sleep, self-test, offsets, trigger mode, register update races.
 */
#ifndef WK_ADXL345_MODEL_H
#define WK_ADXL345_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "wk/wk_adxl345.h"

#define WK_ADXL345_MODEL_REGISTERS 0x3A
#define WK_ADXL345_MODEL_HELD 33 /* 32 in the FIFO and one at the output filter */

/* The faults may be changed at any time; everything else belongs to the model. */
typedef struct {
    /* faults */
    bool absent;           /* no address is acknowledged */
    bool shifted;          /* every byte read arrives one bit late */
    uint8_t devid;         /* 0xE5 */
    uint8_t stuck_reg;     /* this register ignores writes; 0 = none */
    uint8_t noise_xor;     /* flips these bits of DATAX1 in the next data read, then clears */
    /* state */
    uint8_t reg[WK_ADXL345_MODEL_REGISTERS];
    int16_t held[WK_ADXL345_MODEL_HELD][3]; /* register values, oldest first */
    uint8_t held_len;
    uint32_t taken; /* samples converted while measuring */
    uint32_t lost;  /* of these, overwritten before they were read */
    uint32_t short_reads; /* data reads that were not one 6-byte burst: axes or entries lost */
    uint32_t live_writes; /* settings changed while measuring */
    uint8_t read_first;   /* the burst that is going on: its first register, */
    uint8_t read_len;     /* bytes so far, */
    uint8_t read_late;    /* and the bit that `shifted` carries over */
} wk_adxl345_model_t;

/* As after power-on. */
void wk_adxl345_model_reset(wk_adxl345_model_t *model);

/* One period of the output rate passes; counts: acceleration in 1/256 g, clipped as needed. */
void wk_adxl345_model_tick(wk_adxl345_model_t *model, const int16_t counts[3]);

/* Output rate as BW_RATE now says, or 0 in standby. */
uint32_t wk_adxl345_model_rate_mhz(const wk_adxl345_model_t *model);

/* One burst, byte by byte, as a bus simulator sees it. `end` frees the FIFO entry that was read. */
void wk_adxl345_model_read_begin(wk_adxl345_model_t *model, uint8_t reg);
uint8_t wk_adxl345_model_read_byte(wk_adxl345_model_t *model);
void wk_adxl345_model_read_end(wk_adxl345_model_t *model);

/* Nothing happens to a register that cannot be written. */
void wk_adxl345_model_write(wk_adxl345_model_t *model, uint8_t reg, uint8_t value);

/* A wk_bus_t whose context is the model. */
wk_bus_t wk_adxl345_model_bus(wk_adxl345_model_t *model);

#endif
