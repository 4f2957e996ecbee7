/* sort N: sorts N numbers by heapsort, by quicksort, and by the library's qsort, which calls a function for each comparison. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fill(uint32_t *numbers, size_t count) {
    uint32_t seed = 42;
    for (size_t i = 0; i < count; i++)
        numbers[i] = seed = seed * 1664525 + 1013904223;
}

static void sift_down(uint32_t *heap, size_t root, size_t count) {
    uint32_t value = heap[root];
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && heap[child] < heap[child + 1])
            child++;
        if (heap[child] <= value)
            break;
        heap[root] = heap[child];
    }
    heap[root] = value;
}

static void heap_sort(uint32_t *numbers, size_t count) {
    for (size_t i = count / 2; i-- > 0;)
        sift_down(numbers, i, count);
    for (size_t end = count; end-- > 1;) {
        uint32_t largest = numbers[0];
        numbers[0] = numbers[end];
        numbers[end] = largest;
        sift_down(numbers, 0, end);
    }
}

static void quick_sort(uint32_t *numbers, long low, long high) {
    while (low < high) {
        uint32_t pivot = numbers[low + (high - low) / 2];
        long i = low, j = high;
        while (i <= j) {
            while (numbers[i] < pivot)
                i++;
            while (numbers[j] > pivot)
                j--;
            if (i <= j) {
                uint32_t swapped = numbers[i];
                numbers[i++] = numbers[j];
                numbers[j--] = swapped;
            }
        }
        quick_sort(numbers, low, j);
        low = i;
    }
}

static int compare(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static uint32_t check(const uint32_t *numbers, size_t count) {
    uint32_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        if (i && numbers[i - 1] > numbers[i])
            exit(1);
        sum = sum * 31 + numbers[i];
    }
    return sum;
}

int main(int argc, char **argv) {
    size_t count = argc > 1 ? (size_t)atol(argv[1]) : 100000;
    uint32_t *numbers = malloc(count * sizeof *numbers);
    if (numbers == NULL)
        return 1;
    fill(numbers, count);
    heap_sort(numbers, count);
    printf("%08x\n", (unsigned)check(numbers, count));
    fill(numbers, count);
    quick_sort(numbers, 0, (long)count - 1);
    printf("%08x\n", (unsigned)check(numbers, count));
    fill(numbers, count);
    qsort(numbers, count, sizeof *numbers, compare);
    printf("%08x\n", (unsigned)check(numbers, count));
    free(numbers);
    return 0;
}
