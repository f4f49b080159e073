/* An ADXL345 in software, as far as a driver can tell: registers, FIFO, and things gone wrong.
 *
 * Written from the data sheet, not from the driver, so that each can catch the other. Samples
 * are given in 1/256 g and come out as the part would send them under its current DATA_FORMAT
 * (range, FULL_RES, justification); settings are taken at the moment a sample enters the FIFO.
 * When a conversion is due is wk_adxl345_pace.h's business; this file has no clock but the one it
 * is told, for the 5 us a read needs to leave the FIFO.
 * Not modelled: taps, activity, free fall and AUTO_SLEEP (their registers only keep what is
 * written), 3-wire SPI, and data registers that change in the middle of a burst.
 */
#ifndef WK_ADXL345_MODEL_H
#define WK_ADXL345_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "wk/wk_adxl345.h"

#define WK_ADXL345_MODEL_REGISTERS 0x3A
#define WK_ADXL345_MODEL_HELD 33    /* 32 in the FIFO and one at the output filter */
#define WK_ADXL345_MODEL_POP_NS 5000u /* a FIFO entry leaves this long after it was read */

/* The faults may be changed at any time; everything else belongs to the model. */
typedef struct {
    /* faults */
    bool absent;            /* no address is acknowledged */
    bool mute;              /* writes are acknowledged, reads are not */
    bool shifted;           /* every byte read arrives one bit late */
    bool frozen;            /* every conversion repeats the one before */
    uint8_t devid;          /* 0xE5 */
    uint8_t stuck_reg;      /* this register ignores writes; 0 = none */
    uint8_t noise_xor;      /* flips these bits of DATAX1 in the next data read, then clears */
    uint8_t refuse;         /* so many of the next transfers are not acknowledged */
    int16_t self_test[3];   /* what SELF_TEST adds, in 1/256 g */
    uint8_t address;        /* I2C: 0x53, or 0x1D with ALT ADDRESS high */
    /* state */
    uint8_t reg[WK_ADXL345_MODEL_REGISTERS];
    int16_t held[WK_ADXL345_MODEL_HELD][3]; /* register values, oldest first */
    uint8_t held_len;
    bool replaced;        /* bypass mode: a sample was overwritten before it was read */
    bool triggered;       /* trigger mode: the event has happened */
    int16_t last[3];      /* of the conversion before, in 1/256 g */
    uint32_t taken;       /* samples converted while measuring */
    uint32_t lost;        /* of these, overwritten before they were read */
    uint32_t short_reads; /* data reads that were not one 6-byte burst: axes or entries lost */
    uint32_t live_writes; /* settings changed while measuring */
    uint32_t early_reads; /* FIFO or FIFO_STATUS reads within 5 us of a data read */
    uint64_t now_ns;
    uint64_t read_ns;     /* when the entry that is leaving was read */
    bool timed;           /* now_ns is kept up to date, so that the 5 us count */
    bool leaving;         /* the oldest entry was read and leaves 5 us later */
    uint8_t read_first;   /* the burst that is going on: its first register, */
    uint8_t read_len;     /* bytes so far, */
    uint8_t read_late;    /* the bit that `shifted` carries over, */
    bool read_early;      /* and whether it came within the 5 us */
} wk_adxl345_model_t;

/* As after power-on. */
void wk_adxl345_model_reset(wk_adxl345_model_t *model);

/* From the first call on, reads are held to the 5 us rule. now_ns must not go backwards; the
 * transfers of wk_adxl345_model_i2c and _spi move it on by the time they take. */
void wk_adxl345_model_time(wk_adxl345_model_t *model, uint64_t now_ns);

/* One period of the output rate passes; counts: acceleration in 1/256 g, clipped as needed. */
void wk_adxl345_model_tick(wk_adxl345_model_t *model, const int16_t counts[3]);

/* The event that trigger mode waits for, at the pin FIFO_CTL chooses. */
void wk_adxl345_model_trigger(wk_adxl345_model_t *model);

/* Output rate as BW_RATE now says, or 0 in standby. In sleep mode it is the wake-up rate. */
uint32_t wk_adxl345_model_rate_mhz(const wk_adxl345_model_t *model);

/* Level of INT1 (pin 1) or INT2 (pin 2), after INT_ENABLE, INT_MAP and INT_INVERT. */
bool wk_adxl345_model_pin(const wk_adxl345_model_t *model, uint8_t pin);

/* One burst, byte by byte, as a bus simulator sees it. `end` frees the FIFO entry that was read. */
void wk_adxl345_model_read_begin(wk_adxl345_model_t *model, uint8_t reg);
uint8_t wk_adxl345_model_read_byte(wk_adxl345_model_t *model);
void wk_adxl345_model_read_end(wk_adxl345_model_t *model);

/* Nothing happens to a register that cannot be written. */
void wk_adxl345_model_write(wk_adxl345_model_t *model, uint8_t reg, uint8_t value);

/* A wk_bus_t whose context is the model: registers without wires. */
wk_bus_t wk_adxl345_model_bus(wk_adxl345_model_t *model);

#endif
