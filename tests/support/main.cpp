// SPDX-License-Identifier: BSD-3-Clause
// main() of every Catch2 test program. An engine that ended with packets unaccounted for fails the program, whatever the
// test looked at (receive_path P9).
#define CATCH_CONFIG_RUNNER
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_session.hpp>
#ifdef CATCH_CONFIG_NO_POSIX_SIGNALS
#include <catch2/internal/catch_fatal_condition_handler.hpp>
#define MR_NO_SIGNALS_IN_LIBRARY
#endif
#else
#include <catch2/catch.hpp>
#endif

#include <cstdio>

#ifdef MR_NO_SIGNALS_IN_LIBRARY
// Catch2 3 is a library that was built with its handlers of signals. The part of it which has them is not linked where the
// program has all that is in it; this is what it is when it is built without.
Catch::FatalConditionHandler::FatalConditionHandler() = default;
Catch::FatalConditionHandler::~FatalConditionHandler() = default;
void Catch::FatalConditionHandler::engage_platform() {}
void Catch::FatalConditionHandler::disengage_platform() noexcept {}
#endif

/// Engine::unbalanced_ends() where the program has it: tests/support/two_engines.cpp.
extern "C" unsigned long long mr_unbalanced_ends() __attribute__((weak));

int main(int argc, char** argv) {
  const int failed = Catch::Session().run(argc, argv);
  if (mr_unbalanced_ends == nullptr || mr_unbalanced_ends() == 0) return failed;
  std::fprintf(stderr, "%llu engines ended with packets unaccounted for\n", mr_unbalanced_ends());
  return failed != 0 ? failed : 1;
}
