#pragma once

#include <string>

#include <gtest/gtest.h>

#include "hone/label/backend.h"
#include "hone/label/frontend.h"
#include "hone/label/runner.h"

namespace hone::label {

// c += a b in the order i, j, k, small.
inline const char* const kProduct = R"(
func.func @product(%a: memref<24x20xf64>, %b: memref<20x32xf64>, %c: memref<24x32xf64>) {
  affine.for %i = 0 to 24 {
    affine.for %j = 0 to 32 {
      affine.for %k = 0 to 20 {
        %0 = affine.load %a[%i, %k] : memref<24x20xf64>
        %1 = affine.load %b[%k, %j] : memref<20x32xf64>
        %2 = affine.load %c[%i, %j] : memref<24x32xf64>
        %3 = arith.mulf %0, %1 : f64
        %4 = arith.addf %2, %3 : f64
        affine.store %4, %c[%i, %j] : memref<24x32xf64>
      }
    }
  }
  return
}
)";

class Label : public ::testing::Test {
 protected:
  static Frontend& frontend() {
    static Frontend one;
    return one;
  }
  static Backend& backend() {
    static Backend one;
    return one;
  }
  /// The largest difference of what two functions make of the same inputs.
  static double difference(const std::string& one, const std::string& other) {
    const auto first = backend().compile(frontend().lower(one)),
               second = backend().compile(frontend().lower(other));
    const Memory a(first->arguments(), 3), b(second->arguments(), 3);
    first->call(a.pointers());
    second->call(b.pointers());
    return a.difference(b);
  }
};

}  // namespace hone::label
