/* Read clocks and memory, and keep latencies. */
#define _GNU_SOURCE
#include "meter.h"
#include "plan.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint32_t *latencies; /* microseconds */
static size_t count, room;
static int is_sorted;

static int64_t nanoseconds(clockid_t clock)
{
    struct timespec time;
    if (clock_gettime(clock, &time) < 0)
        return -1;
    return time.tv_sec * (int64_t)SECOND + time.tv_nsec;
}

int64_t now(void)
{
    static int64_t start;
    int64_t time = nanoseconds(CLOCK_MONOTONIC);
    if (!start)
        start = time;
    return time - start;
}

int64_t processor_time(pid_t process)
{
    clockid_t clock;
    return clock_getcpuclockid(process, &clock) ? -1 : nanoseconds(clock);
}

long resident_kilobytes(pid_t process)
{
    char path[64], line[256];
    long kilobytes = -1;
    snprintf(path, sizeof path, "/proc/%d/status", process);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        sscanf(line, "VmRSS: %ld", &kilobytes);
    if (file)
        fclose(file);
    return kilobytes;
}

void keep_latency(int64_t time)
{
    if (count == room) {
        room = room ? 2 * room : 65536;
        latencies = realloc(latencies, room * sizeof *latencies);
        if (!latencies)
            fail("out of memory");
    }
    latencies[count++] = time / 1000;
    is_sorted = 0;
}

size_t count_latencies(void)
{
    return count;
}

static int compare(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

uint32_t latency_percentile(double percent)
{
    if (!count)
        return 0;
    if (!is_sorted)
        qsort(latencies, count, sizeof *latencies, compare);
    is_sorted = 1;
    size_t rank = percent * count / 100;
    rank += rank < percent * count / 100;
    return latencies[rank ? rank - 1 : 0];
}
