#include <gtest/gtest.h>
#include <torch/torch.h>

#include "hone/base/registry.h"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  hone::add_methods(hone::detail::collect_hone_train);
  at::set_num_threads(1);
  return RUN_ALL_TESTS();
}
