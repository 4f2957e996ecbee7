/* Calendar arithmetic on fixed times; the real clocks only as far as they must agree. */
#include <stdint.h>
#include <stdio.h>
#include <sys/time.h>
#include <time.h>

static int64_t nanoseconds(clockid_t clock) {
    struct timespec now;
    if (clock_gettime(clock, &now) != 0)
        return -1;
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int main(void) {
    const time_t times[] = {0, 951782400, 951868799, 1078012800, 1709164800, 2147483647, 2147483648, 4102444800,
                            -1, -86400 * 365, 253370764799};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        char text[128];
        struct tm date;
        gmtime_r(&times[i], &date);
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S %a %A %b %B %j %U %W %V %G %u %I %p %y %e %D %T", &date);
        printf("%lld: %s\n", (long long)times[i], text);
        date.tm_mday += 40;
        date.tm_hour -= 30;
        date.tm_isdst = 0;
        time_t later = mktime(&date);
        printf("  40 days later, 30 hours earlier: %lld, weekday %d\n", (long long)later, date.tm_wday);
        printf("  %s", asctime(&date));
    }
    struct tm date = {.tm_year = 124, .tm_mon = 14, .tm_mday = -3, .tm_sec = 3661};
    time_t normal = mktime(&date);
    printf("normalized %lld, %d-%d-%d %d:%d:%d, day %d\n", (long long)normal, date.tm_year + 1900, date.tm_mon + 1,
           date.tm_mday, date.tm_hour, date.tm_min, date.tm_sec, date.tm_yday);
    printf("difftime %.1f\n", difftime(times[3], times[2]));
    struct tm parsed = {0};
    printf("strptime %s\n", strptime("2031-05-07 11:22:33", "%Y-%m-%d %H:%M:%S", &parsed) == NULL ? "fails" : "works");
    printf("parsed %d %d %d %d %d %d\n", parsed.tm_year, parsed.tm_mon, parsed.tm_mday, parsed.tm_hour, parsed.tm_min,
           parsed.tm_sec);

    struct timeval day;
    gettimeofday(&day, NULL);
    int64_t wall = nanoseconds(CLOCK_REALTIME);
    printf("clocks agree: %d\n", wall / 1000000000 - day.tv_sec < 60 && time(NULL) - day.tv_sec < 60);
    printf("after 2024: %d\n", day.tv_sec > 1704067200);
    int64_t before = nanoseconds(CLOCK_MONOTONIC), last = before;
    int backwards = 0;
    for (int i = 0; i < 1000; i++) {
        int64_t now = nanoseconds(CLOCK_MONOTONIC);
        backwards += now < last;
        last = now;
    }
    printf("steps backwards: %d\n", backwards);
    struct timespec nap = {0, 20000000};
    before = nanoseconds(CLOCK_MONOTONIC);
    printf("nanosleep %d\n", nanosleep(&nap, NULL));
    printf("slept long enough: %d\n", nanoseconds(CLOCK_MONOTONIC) - before >= 20000000);
    struct timespec resolution;
    printf("resolution: %d\n", clock_getres(CLOCK_MONOTONIC, &resolution) == 0 && resolution.tv_sec == 0);
    return 0;
}
