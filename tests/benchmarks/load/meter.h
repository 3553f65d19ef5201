/* Clocks, memory, and the latencies that were seen. */
#ifndef METER_H
#define METER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { SECOND = 1000000000 }; /* in nanoseconds, as all times are */

/* Return the time since this was first called. */
int64_t now(void);

/* Return the processor time a process has used, 0 being this one; -1 if unknown. */
int64_t processor_time(pid_t process);

/* Return the memory that is resident of a process, in units of 1,024 bytes; -1 if unknown. */
long resident_kilobytes(pid_t process);

void keep_latency(int64_t time);
size_t count_latencies(void);

/* Return the microseconds that `percent` of the latencies did not exceed (nearest rank). */
uint32_t latency_percentile(double percent);

#endif
