/* curve N: N multiplications of a point by a scalar on Curve25519 (X25519), with 16 digits of 16 bits as in TweetNaCl. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int64_t field[16];

static void carry(field a) {
    for (int i = 0; i < 16; i++) {
        a[i] += 1 << 16;
        int64_t c = a[i] >> 16;
        if (i < 15)
            a[i + 1] += c - 1;
        else
            a[0] += 38 * (c - 1);
        a[i] -= c << 16;
    }
}

static void swap_if(field a, field b, int64_t condition) {
    for (int i = 0; i < 16; i++) {
        int64_t bits = -condition & (a[i] ^ b[i]);
        a[i] ^= bits;
        b[i] ^= bits;
    }
}

static void add(field out, const field a, const field b) {
    for (int i = 0; i < 16; i++)
        out[i] = a[i] + b[i];
}

static void subtract(field out, const field a, const field b) {
    for (int i = 0; i < 16; i++)
        out[i] = a[i] - b[i];
}

static void multiply(field out, const field a, const field b) {
    int64_t product[31] = {0};
    for (int i = 0; i < 16; i++)
        for (int j = 0; j < 16; j++)
            product[i + j] += a[i] * b[j];
    for (int i = 0; i < 15; i++)
        product[i] += 38 * product[i + 16];
    memcpy(out, product, sizeof(field));
    carry(out);
    carry(out);
}

static void invert(field out, const field a) {
    field power;
    memcpy(power, a, sizeof power);
    for (int bit = 253; bit >= 0; bit--) {
        multiply(power, power, power);
        if (bit != 2 && bit != 4)
            multiply(power, power, a);
    }
    memcpy(out, power, sizeof power);
}

static void pack(uint8_t *out, const field in) {
    field a, reduced;
    memcpy(a, in, sizeof a);
    carry(a), carry(a), carry(a);
    for (int round = 0; round < 2; round++) {
        reduced[0] = a[0] - 0xffed;
        for (int i = 1; i < 15; i++) {
            reduced[i] = a[i] - 0xffff - (reduced[i - 1] >> 16 & 1);
            reduced[i - 1] &= 0xffff;
        }
        reduced[15] = a[15] - 0x7fff - (reduced[14] >> 16 & 1);
        int64_t borrow = reduced[15] >> 16 & 1;
        reduced[14] &= 0xffff;
        swap_if(a, reduced, 1 - borrow);
    }
    for (int i = 0; i < 16; i++) {
        out[2 * i] = (uint8_t)a[i];
        out[2 * i + 1] = (uint8_t)(a[i] >> 8);
    }
}

static void scalar_multiply(uint8_t *out, const uint8_t *scalar, const uint8_t *point) {
    static const field constant = {0xdb41, 1};
    field x, a = {1}, b, c = {0}, d = {1}, e, f;
    uint8_t clamped[32];
    memcpy(clamped, scalar, 32);
    clamped[0] &= 248;
    clamped[31] = (clamped[31] & 127) | 64;
    for (int i = 0; i < 16; i++)
        x[i] = point[2 * i] + ((int64_t)point[2 * i + 1] << 8);
    x[15] &= 0x7fff;
    memcpy(b, x, sizeof b);
    for (int i = 254; i >= 0; i--) {
        int64_t bit = clamped[i >> 3] >> (i & 7) & 1;
        swap_if(a, b, bit);
        swap_if(c, d, bit);
        add(e, a, c);
        subtract(a, a, c);
        add(c, b, d);
        subtract(b, b, d);
        multiply(d, e, e);
        multiply(f, a, a);
        multiply(a, c, a);
        multiply(c, b, e);
        add(e, a, c);
        subtract(a, a, c);
        multiply(b, a, a);
        subtract(c, d, f);
        multiply(a, c, constant);
        add(a, a, d);
        multiply(c, c, a);
        multiply(a, d, f);
        multiply(d, b, x);
        multiply(b, e, e);
        swap_if(a, b, bit);
        swap_if(c, d, bit);
    }
    invert(c, c);
    multiply(a, a, c);
    pack(out, a);
}

int main(int argc, char **argv) {
    int rounds = argc > 1 ? atoi(argv[1]) : 100;
    /* As in RFC 7748, section 5.2: the result becomes the scalar, and the scalar becomes the point. */
    uint8_t scalar[32] = {9}, point[32] = {9}, result[32];
    for (int round = 0; round < rounds; round++) {
        scalar_multiply(result, scalar, point);
        memcpy(point, scalar, 32);
        memcpy(scalar, result, 32);
    }
    for (int i = 0; i < 32; i++)
        printf("%02x", scalar[i]);
    printf("\n");
    return 0;
}
