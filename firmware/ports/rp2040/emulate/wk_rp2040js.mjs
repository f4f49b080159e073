// An RP2040 (rp2040js) that runs an image, for wearkit_export.emulate.rp2040.
//
//   node wk_rp2040js.mjs IMAGE BOOT_ID
//
// The simulated chip has flash, an ADXL345 at the end of I2C0's wires and a cable on UART0; both lie
// on the other side of standard input and output. Every message to there is
//   kind (1 byte), simulated time in microseconds (float64), length (u16), bytes
// and kinds in capitals are answered with: length (u16), bytes. Little-endian.
//   T  time has passed: everything UART0 sent since -> stop (1 byte), bytes for UART0
//   S  START: address, reading -> acknowledged     R  read a byte -> its value
//   w  write a byte                                p  STOP
// The first message comes when the program has booted: it turns to its sensor or sends a byte. Until
// that is answered the chip stands still.
// Time is the chip's own clock: CPU cycles as rp2040js counts them at the frequency that the program
// chose, and what passes while the core sleeps.
import { readFileSync, readSync, writeSync } from "node:fs";
import { ConsoleLogger, LogLevel, RP2040 } from "rp2040js";

const FLASH = 0x10000000, BOOT2_AT = 0x20041f00, BOOT2_BYTES = 256;
const ROSC = 0x40060, VREG = 0x40064, RANDOMBIT = 0x1c, CHIP_RESET = 0x08, HAD_POWER_ON = 0x100;
const I2C_BIT_NS = 2500, UART_BITS = 10;
const CABLE_BAUD = 115200, BAUD_TOLERANCE = 0.02, SENSOR_BUS_HZ = 400e3;
const REPORT_NS = 5e6, TX_MAX = 4096;

function ask(kind, timeUs, bytes) {
  const message = Buffer.alloc(11 + bytes.length);
  message.write(kind, 0, "latin1");
  message.writeDoubleLE(timeUs, 1);
  message.writeUInt16LE(bytes.length, 9);
  message.set(bytes, 11);
  for (let at = 0; at < message.length; ) at += writeSync(1, message, at);
  if (kind !== kind.toUpperCase()) return Buffer.alloc(0);
  return take(take(2).readUInt16LE(0));
}

function take(length) {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; ) {
    const got = readSync(0, bytes, at, length - at, null);
    if (got === 0) process.exit(0); // nobody is there any more
    at += got;
  }
  return bytes;
}

class Board {
  constructor(image, bootId) {
    this.chip = new RP2040();
    this.clock = this.chip.clock;
    this.chip.logger = new ConsoleLogger(LogLevel.Error, false);
    this.chip.flash.set(image);
    this.booted = false;
    this.sent = [];
    this.arriving = [];
    this.arrival = this.clock.createAlarm(() => this.arrive());
    this.connectSensor(this.chip.i2c[0]);
    this.chip.uart[0].onByte = (byte) => this.send(byte);
    this.replaceUnmodelled(bootId);
    this.boot();
  }

  get timeUs() {
    return this.clock.nanos / 1000;
  }

  // rp2040js answers ones for these two: the noise bits give the boot id instead.
  replaceUnmodelled(bootId) {
    let bit = 32;
    const silent = { readUint32: () => 0, writeUint32() {}, writeUint32Atomic() {} };
    this.chip.peripherals[ROSC] = {
      ...silent,
      readUint32: (offset) => (offset === RANDOMBIT ? (bootId >>> --bit % 32) & 1 : 0),
    };
    this.chip.peripherals[VREG] = {
      ...silent,
      readUint32: (offset) => (offset === CHIP_RESET ? HAD_POWER_ON : 0),
    };
  }

  // What the boot ROM does with a good image: copy the boot code, check it, call it.
  boot() {
    const { chip } = this;
    let crc = 0xffffffff;
    for (let at = 0; at < BOOT2_BYTES - 4; at++) {
      crc ^= chip.flash[at] << 24;
      for (let bit = 0; bit < 8; bit++) crc = (crc << 1) ^ (crc < 0 ? 0x04c11db7 : 0);
    }
    if (crc >>> 0 !== chip.readUint32(FLASH + BOOT2_BYTES - 4))
      throw new Error("The checksum of the boot code is wrong: the ROM would not start it.");
    for (let at = 0; at < BOOT2_BYTES; at++) chip.writeUint8(BOOT2_AT + at, chip.flash[at]);
    chip.core.SP = 0x20042000;
    chip.core.LR = 0;
    chip.core.PC = BOOT2_AT;
  }

  connectSensor(i2c) {
    const later = (bits, then) => {
      const alarm = this.clock.createAlarm(then);
      alarm.schedule(bits * I2C_BIT_NS);
    };
    i2c.onStart = () => {
      this.booted = true;
      later(1, () => i2c.completeStart());
    };
    i2c.onConnect = (address, mode) =>
      later(9, () => {
        const busHz = this.chip.clkSys / (i2c.sclLowPeriod + i2c.sclHighPeriod);
        if (busHz > SENSOR_BUS_HZ)
          throw new Error(`I2C0 runs at ${busHz} Hz, and the sensor takes ${SENSOR_BUS_HZ}.`);
        const [acknowledged] = ask("S", this.timeUs, [address, mode]);
        i2c.completeConnect(acknowledged !== 0);
      });
    i2c.onWriteByte = (byte) =>
      later(9, () => {
        ask("w", this.timeUs, [byte]);
        i2c.completeWrite(true);
      });
    i2c.onReadByte = () => later(9, () => i2c.completeRead(ask("R", this.timeUs, [])[0]));
    i2c.onStop = () =>
      later(1, () => {
        ask("p", this.timeUs, []);
        i2c.completeStop();
      });
  }

  // A cable at another rate than the UART's carries rubbish: here the wrong clock is said.
  send(byte) {
    const { baudRate } = this.chip.uart[0];
    if (Math.abs(baudRate / CABLE_BAUD - 1) > BAUD_TOLERANCE)
      throw new Error(`UART0 sends at ${baudRate} baud, and the cable is for ${CABLE_BAUD}.`);
    this.booted = true;
    this.sent.push(byte);
  }

  // Bytes from the host come one after the other, as the line takes them, and wait for a UART.
  arrive() {
    const uart = this.chip.uart[0];
    if (uart.enabled) uart.feedByte(this.arriving.shift());
    if (this.arriving.length) this.arrival.schedule(this.uartByteNs());
  }

  uartByteNs() {
    const uart = this.chip.uart[0];
    return uart.enabled ? (UART_BITS * 1e9) / uart.baudRate : 1e6;
  }

  report() {
    const sent = this.sent;
    this.sent = [];
    const answer = ask("T", this.timeUs, sent);
    const idle = this.arriving.length === 0;
    for (const byte of answer.subarray(1)) this.arriving.push(byte);
    if (idle && this.arriving.length)
      this.arrival.schedule(this.uartByteNs());
    return answer[0] === 0;
  }

  run() {
    const { chip, clock } = this;
    const { core } = chip;
    let due = 0;
    for (;;) {
      if (this.booted && (clock.nanos >= due || this.sent.length >= TX_MAX)) {
        if (!this.report()) return;
        due = clock.nanos + REPORT_NS;
      }
      // A core does not go to sleep with an interrupt pending; rp2040js's would.
      if (core.pendingInterrupts & core.enabledInterrupts) core.waiting = false;
      if (core.waiting) clock.tick(Math.max(1, clock.nanosToNextAlarm));
      else clock.tick((core.executeInstruction() * 1e9) / chip.clkSys);
    }
  }
}

const [image, bootId] = process.argv.slice(2);
try {
  new Board(readFileSync(image), Number(bootId)).run();
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
