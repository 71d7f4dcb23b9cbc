/* proto/base/clock.h: the two clocks. Policy takes time as an argument; only drivers call these. */
#pragma once
#include <stdint.h>

int64_t cs_clock_mono_ms(void); /* monotonic milliseconds: timers, deadlines */
int64_t cs_clock_mono_us(void);
int64_t cs_clock_wall_s(void); /* Unix seconds: validity, log lines */
int64_t cs_clock_wall_ms(void);
