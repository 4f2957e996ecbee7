// Divides by zero, three calls deep.

#include <stdlib.h>

__attribute__((noinline)) static int divide(int dividend, int divisor) {
	return dividend / divisor;
}

__attribute__((noinline)) static int average(int count) {
	return divide(100, count);
}

int main(int argc, char **argv) {
	(void) argv;
	return average(argc - 1);
}
