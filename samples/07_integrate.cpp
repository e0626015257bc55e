// SPDX-License-Identifier: MIT
// A recursive computation on every core: the area under 2x cos(x^2), a curve that oscillates ever faster. Where the two halves of
// an interval disagree with the whole, each is halved again, which ends with three million tasks. Nobody can know in advance where
// the work is; the workers steal it from each other as it appears. Prints how long one worker takes and how long all of them take,
// then the area, which must be the known one and the same both times. Less than a second.
//
//     left, right = await asyncio.gather(integrate(...), integrate(...))    # the same words, but asyncio has only one core

#include <weft/weft.hpp>

#include <chrono>
#include <cmath>
#include <cstdio>

double f(double x) { return 2 * x * std::cos(x * x); }  // the derivative of sin(x^2), which makes the exact area known

// A part of the curve, from a to b, known at three points.
struct interval {
    double a, b;
    double f_a, f_middle, f_b;

    double middle() const { return (a + b) / 2; }
    double area() const { return (b - a) / 6 * (f_a + 4 * f_middle + f_b); }  // Simpson's rule
};

constexpr double tolerance = 1e-15;  // for each interval that is not halved further

weft::task<double> integrate(interval whole) {
    interval const left{whole.a, whole.middle(), whole.f_a, f((whole.a + whole.middle()) / 2), whole.f_middle};
    interval const right{whole.middle(), whole.b, whole.f_middle, f((whole.middle() + whole.b) / 2), whole.f_b};

    double const area = left.area() + right.area();
    double const error = (area - whole.area()) / 15;
    if (std::abs(error) <= tolerance) co_return area + error;

    // Down to the smallest interval: a child is so cheap that no cut-off is needed.
    auto [left_area, right_area] = co_await weft::gather(integrate(left), integrate(right));
    co_return left_area + right_area;  // in this order always: however the work was spread, the rounding is the same
}

struct measurement {
    double area, seconds;
};

measurement measure(weft::runtime& runtime, interval whole) {
    auto const start = std::chrono::steady_clock::now();
    double const area = runtime.run(integrate(whole));
    return {area, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()};
}

int main() {
    double const a = 0, b = 100, exact = std::sin(b * b);
    interval const whole{a, b, f(a), f((a + b) / 2), f(b)};

    weft::runtime alone({.workers = 1});
    auto const one = measure(alone, whole);
    std::printf("1 worker: %.2f s\n", one.seconds);

    weft::runtime together;
    auto const all = measure(together, whole);
    std::printf("%u workers: %.2f s, %.1f times as fast\n", together.workers(), all.seconds, one.seconds / all.seconds);

    bool const correct = one.area == all.area && std::abs(all.area - exact) < 1e-9;
    std::printf("area %.9f, exact %.9f: %s\n", all.area, exact, correct ? "correct" : "wrong");
    return correct ? 0 : 1;
}
