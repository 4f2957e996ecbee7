// A sum of squares, whose functions are inlined into each other.
static inline __attribute__((always_inline)) int square(int number) {
	return number * number;
}

static inline __attribute__((always_inline)) int add_square(int sum, int number) {
	return sum + square(number);
}

__attribute__((export_name("sum_of_squares"))) int sum_of_squares(int count) {
	int sum = 0;
	for (volatile int number = 1; number <= count; number++)
		sum = add_square(sum, number);
	return sum;
}

__attribute__((noinline)) static int divide(int dividend, int divisor) {
	return dividend / divisor;
}

__attribute__((export_name("average"))) int average(int count) {
	return divide(sum_of_squares(count), count);
}
