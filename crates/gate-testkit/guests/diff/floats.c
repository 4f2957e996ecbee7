/* Floating point: printing, reading, rounding, the functions whose results the standard fixes. */
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t bits(double value) {
    uint64_t result;
    memcpy(&result, &value, sizeof result);
    return result;
}

static uint32_t state = 12345;

static uint32_t next(void) {
    return state = state * 1664525u + 1013904223u;
}

int main(void) {
    const double values[] = {0.0,     -0.0,    1.0,     -1.5,     0.1,     1.0 / 3, 2.0 / 3, 1e21,     1e22,
                             1e-7,    123456.789, 0.5,  1.5,      2.5,     9.995,   1e100,   1e-307,   DBL_MAX,
                             DBL_MIN, DBL_EPSILON, INFINITY, -INFINITY, 4503599627370497.5, 9007199254740993.0};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        double x = values[i];
        printf("%f|%.0f|%e|%g|%.17g|%a|%+.3e|%#g|%10.2f|%-12g|%012.4f\n", x, x, x, x, x, x, x, x,
               fabs(x) < 1e15 ? x : 0.0, x, fabs(x) < 1e15 ? x : 0.0);
        printf("  floor %g ceil %g trunc %g rint %g round %g sqrt %.17g\n", floor(x), ceil(x), trunc(x), rint(x),
               round(x), x >= 0 ? sqrt(x) : -1.0);
    }
    printf("nan %d %d\n", isnan(NAN), NAN == NAN);

    const char *texts[] = {"3.14159", "  -2.5e3xyz", "0x1.8p3", "inf", "-INFINITY", ".5", "5.", "1e400", "-1e-400",
                           "9007199254740993", "2.2250738585072011e-308", "179769313486231580793728971405301e276",
                           "abc", "1e", "0.1e+1"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char *end;
        double x = strtod(texts[i], &end);
        printf("strtod %s: %016llx, %zu bytes\n", texts[i], (unsigned long long)bits(x), (size_t)(end - texts[i]));
    }

    int agreeing = 0;
    for (int i = 0; i < 20000; i++) {
        char text[64];
        uint64_t pattern = (uint64_t)next() << 32 | next();
        double x;
        memcpy(&x, &pattern, sizeof x);
        if (!isfinite(x))
            continue;
        snprintf(text, sizeof text, "%.17g", x);
        agreeing += bits(strtod(text, NULL)) == bits(x);
    }
    printf("%d numbers survive printing and reading\n", agreeing);

    double a, b;
    float c;
    int n = sscanf("1.25,-3e2 0x10 rest", "%lf,%lf %f", &a, &b, &c);
    printf("sscanf: %d values, %g %g %g\n", n, a, b, n > 2 ? c : -1.0f);

    int exponent;
    double whole, mantissa = frexp(1234.5, &exponent), part = modf(-7.75, &whole);
    printf("frexp %g %d, ldexp %g, modf %g %g, fmod %g, remainder %g\n", mantissa, exponent, ldexp(0.75, 10), whole,
           part, fmod(-7.5, 2), remainder(7.5, 2));
    printf("fma %.17g, hypot %g, nextafter %.17g, copysign %g, fmax %g\n", fma(1.0 / 3, 3, -1), hypot(3, 4),
           nextafter(1, 2), copysign(2, -0.0), fmax(NAN, 2));
    float single = 16777216.0f;
    printf("float %.9g %.9g\n", single + 1.0f, 0.1f + 0.2f);
    int converted = 0;
    for (int i = 0; i < 1000; i++) {
        int32_t integer = (int32_t)next();
        converted += (int32_t)(double)integer == integer;
        converted += (int64_t)(float)(integer >> 8) == integer >> 8;
    }
    printf("%d conversions are exact\n", converted);
    return 0;
}
