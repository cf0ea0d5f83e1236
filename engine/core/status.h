// Helpers around absl::Status, the error type of the whole project, and the check for programmer
// errors.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

// Returns the status of `expression` from the enclosing function if it is an error.
#define BITSCAPE_RETURN_IF_ERROR(expression)                  \
  do {                                                        \
    if (absl::Status status_ = (expression); !status_.ok()) { \
      return status_;                                         \
    }                                                         \
  } while (false)

#define BITSCAPE_CONCAT_INNER(a, b) a##b
#define BITSCAPE_CONCAT(a, b) BITSCAPE_CONCAT_INNER(a, b)

// Evaluates a StatusOr; assigns its value to `target` (may be a declaration) or returns its error.
#define BITSCAPE_ASSIGN_OR_RETURN(target, expression) \
  BITSCAPE_ASSIGN_OR_RETURN_NAMED(BITSCAPE_CONCAT(status_or_, __LINE__), target, expression)
#define BITSCAPE_ASSIGN_OR_RETURN_NAMED(name, target, expression) \
  auto name = (expression);                                       \
  if (!name.ok()) {                                               \
    return std::move(name).status();                              \
  }                                                               \
  target = std::move(name).value()

// Ends the process on a programmer error. Never used on input from outside.
#define BITSCAPE_CHECK(condition, reason)                                                    \
  do {                                                                                       \
    if (!(condition)) {                                                                      \
      std::fprintf(stderr, "%s:%d: check failed: %s (%s)\n", __FILE__, __LINE__, #condition, \
                   reason);                                                                  \
      std::abort();                                                                          \
    }                                                                                        \
  } while (false)

namespace bitscape {

// The same error with "`where`: " before its message; OK stays OK. Payloads are kept.
absl::Status Annotate(const absl::Status& status, const std::string& where);

}  // namespace bitscape
