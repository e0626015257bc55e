// SPDX-License-Identifier: MIT
// Python's random module, callable anywhere: from main() as here, or from many tasks at once (every thread has its own generator).
// Prints a float between 0 and 1, an integer from 1 to 10 and one of three fruits; takes no time.
//
//     print(f"Random float: {random.random()}")
//     print(f"Random integer: {random.randint(1, 10)}")
//     choices = ['apple', 'banana', 'cherry']
//     print(f"Random choice: {random.choice(choices)}")

#include <weft/weft.hpp>

#include <iostream>
#include <string>
#include <vector>

int main() {
    double const random_float = weft::random::random();  // 1 itself never comes
    std::cout << "Random float: " << random_float << '\n';

    int const random_int = weft::random::randint(1, 10);  // both ends may come
    std::cout << "Random integer: " << random_int << '\n';

    std::vector<std::string> const choices{"apple", "banana", "cherry"};
    std::cout << "Random choice: " << weft::random::choice(choices) << '\n';
}
