// SPDX-License-Identifier: MIT
// A picture drawn in parallel: one task per row of the Mandelbrot set. A row through the middle takes far longer than one at the
// edge; work stealing evens that out. Prints the size, the time that one worker and that all of them take, and a checksum, and
// writes the picture to mandelbrot.png. Fails if the two drew different pictures. A second or two.
//
// usage: 09_mandelbrot [--width PIXELS] [--iterations N] [--output FILE]
//
//     rows = [draw_row(picture, y) for y in range(height)]
//     await asyncio.gather(*rows)    # asyncio draws them on one core

#include <weft/weft.hpp>

#include <png.h>

#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct image {
    int width, height;
    std::vector<std::uint8_t> pixels;  // red, green, blue; row after row from the top

    std::uint8_t* row(int y) { return pixels.data() + 3L * width * y; }
    bool operator==(image const&) const = default;
};

// How soon z = z^2 + c leaves the circle of radius 16, as a smooth number; nothing if it stays inside.
std::optional<double> escape(double c_real, double c_imaginary, int iterations) {
    double real = 0, imaginary = 0;
    for (int i = 0; i < iterations; ++i) {
        double const real2 = real * real, imaginary2 = imaginary * imaginary;
        if (real2 + imaginary2 > 256) return i + 1 - std::log2(std::log2(real2 + imaginary2) / 8);
        imaginary = 2 * real * imaginary + c_imaginary;
        real = real2 - imaginary2 + c_real;
    }
    return std::nullopt;
}

weft::task<> draw_row(image& picture, int y, int iterations) {
    std::uint8_t* pixel = picture.row(y);
    double const step = 3.6 / picture.width;  // from -2.55 to 1.05 on the real axis, which crosses the middle of the picture
    for (int x = 0; x < picture.width; ++x) {
        auto const steps = escape(x * step - 2.55, (y - picture.height / 2) * step, iterations);
        for (double const shift : {1.5, 1.2, 0.7}) {  // red, green, blue
            double const brightness = steps ? 0.5 - 0.5 * std::cos(std::sqrt(*steps) - shift) : 0;
            *pixel++ = static_cast<std::uint8_t>(255 * brightness);
        }
    }
    co_return;
}

// The rows refer to the picture, which is safe: gather() does not return before all of them have ended.
weft::task<image> draw(int width, int iterations) {
    int const height = width * 2 / 3;
    image picture{width, height, std::vector<std::uint8_t>(static_cast<std::size_t>(3L * width * height))};
    std::vector<weft::task<>> rows;
    for (int y = 0; y < height; ++y) rows.push_back(draw_row(picture, y, iterations));
    co_await weft::gather(std::move(rows));
    co_return picture;
}

// FNV-1a: the same bytes give the same number.
std::uint32_t checksum(image const& picture) {
    std::uint32_t sum = 2166136261;
    for (auto const byte : picture.pixels) sum = (sum ^ byte) * 16777619;
    return sum;
}

bool write_png(image const& picture, std::string const& file) {
    png_image png{};
    png.version = PNG_IMAGE_VERSION;
    png.width = static_cast<png_uint_32>(picture.width);
    png.height = static_cast<png_uint_32>(picture.height);
    png.format = PNG_FORMAT_RGB;
    if (png_image_write_to_file(&png, file.c_str(), 0, picture.pixels.data(), 0, nullptr)) return true;
    std::fprintf(stderr, "%s: %s\n", file.c_str(), png.message);
    return false;
}

struct settings {
    int width = 1200, iterations = 1000;
    std::string output = "mandelbrot.png";
};

bool parse_number(std::string_view text, int least, int most, int& number) {
    auto const [end, error] = std::from_chars(text.begin(), text.end(), number);
    return error == std::errc{} && end == text.end() && least <= number && number <= most;
}

bool parse(int argc, char** argv, settings& chosen) {
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc) return false;
        std::string_view const option = argv[i], value = argv[i + 1];
        if (option == "--width" && parse_number(value, 2, 30'000, chosen.width)) continue;
        if (option == "--iterations" && parse_number(value, 1, 1'000'000, chosen.iterations)) continue;
        if (option != "--output" || value.empty()) return false;
        chosen.output = value;
    }
    return true;
}

int main(int argc, char** argv) {
    settings chosen;
    if (!parse(argc, argv, chosen)) {
        std::fprintf(stderr, "usage: %s [--width 2..30000] [--iterations 1..1000000] [--output FILE]\n", argv[0]);
        return 2;
    }

    auto const timed_draw = [&chosen](weft::runtime& runtime) {
        auto const start = std::chrono::steady_clock::now();
        image picture = runtime.run(draw(chosen.width, chosen.iterations));
        std::chrono::duration<double> const seconds = std::chrono::steady_clock::now() - start;
        std::printf("workers: %u, seconds: %.2f\n", runtime.workers(), seconds.count());
        return picture;
    };
    weft::runtime alone({.workers = 1});
    weft::runtime together;
    std::printf("%d x %d pixels, %d iterations at most\n", chosen.width, chosen.width * 2 / 3, chosen.iterations);
    image const first = timed_draw(alone);
    image const second = timed_draw(together);

    bool const same = first == second;
    std::printf("checksum %08x, %s\n", checksum(second), same ? "the same picture both times" : "but two different pictures");
    if (!same || !write_png(second, chosen.output)) return 1;
    std::printf("written to %s\n", chosen.output.c_str());
}
