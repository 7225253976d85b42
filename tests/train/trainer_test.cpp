#include "hone/train/trainer.h"

#include <cmath>
#include <filesystem>
#include <numbers>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "hone/base/error.h"
#include "hone/base/rng.h"
#include "hone/train/adamw_kernel.h"

namespace hone::train {
namespace {

torch::Tensor numbers(std::vector<std::int64_t> shape, std::uint64_t seed, double scale = 1.0) {
  torch::Tensor tensor = torch::empty(shape);
  Rng rng(seed, "trainer test");
  float* out = tensor.data_ptr<float>();
  for (std::int64_t i = 0; i < tensor.numel(); ++i) out[i] = static_cast<float>(scale * rng.normal());
  return tensor;
}

/// A net of one hidden layer that learns a fixed random function; batches depend on the step only.
struct Net {
  explicit Net(torch::ScalarType type = torch::kFloat32) {
    for (const auto& shape : std::vector<std::vector<std::int64_t>>{{8, 33}, {33}, {33, 5}, {5}})
      parameters.push_back(numbers(shape, parameters.size(), 0.3).to(type).requires_grad_());
  }
  torch::Tensor loss(std::int64_t step) const {
    const auto type = parameters[0].scalar_type();
    const torch::Tensor x = numbers({16, 8}, 100 + static_cast<std::uint64_t>(step)).to(type);
    const torch::Tensor y = torch::tanh(x.narrow(1, 0, 5) * 2.0);
    const torch::Tensor hidden = torch::gelu(torch::addmm(parameters[1], x, parameters[0]));
    return (torch::addmm(parameters[3], hidden, parameters[2]) - y).square().mean();
  }
  std::function<torch::Tensor(std::int64_t)> closure() const {
    return [this](std::int64_t step) { return loss(step); };
  }
  std::vector<torch::Tensor> parameters;
};

const std::vector<std::string> kNames = {"in.weight", "in.bias", "out.weight", "out.bias"};

TrainerOptions options() {
  TrainerOptions result;
  result.schedule = {1e-2, 3, 30, Schedule::Decay::cosine, 0.1};
  result.clip = 0.05;
  return result;
}

TEST(Schedule, WarmsUpDecaysAndStaysThere) {
  Schedule schedule{2.0, 4, 12, Schedule::Decay::cosine, 0.1};
  EXPECT_DOUBLE_EQ(schedule.at(0), 0.0);
  EXPECT_DOUBLE_EQ(schedule.at(1), 0.5);
  EXPECT_DOUBLE_EQ(schedule.at(4), 2.0);
  EXPECT_DOUBLE_EQ(schedule.at(6), 2.0 * (0.1 + 0.9 * 0.5 * (1 + std::cos(std::numbers::pi / 4))));
  EXPECT_DOUBLE_EQ(schedule.at(12), 0.2);
  EXPECT_DOUBLE_EQ(schedule.at(1000), 0.2);
  schedule.decay = Schedule::Decay::linear;
  EXPECT_DOUBLE_EQ(schedule.at(8), 2.0 * (0.1 + 0.9 * 0.5));
  EXPECT_DOUBLE_EQ(schedule.at(13), 0.2);
  schedule.decay = Schedule::Decay::constant;
  EXPECT_DOUBLE_EQ(schedule.at(3), 1.5);
  EXPECT_DOUBLE_EQ(schedule.at(13), 2.0);
  // A warm-up that is longer than the horizon, and no horizon at all.
  schedule = {1.0, 10, 5, Schedule::Decay::linear, 0.1};
  EXPECT_DOUBLE_EQ(schedule.at(7), 0.7);
  EXPECT_DOUBLE_EQ(schedule.at(10), 0.1);
  schedule = {1.0, 0, 0, Schedule::Decay::cosine, 0.1};
  EXPECT_DOUBLE_EQ(schedule.at(5), 1.0);
}

TEST(AdamwKernel, SumOfSquaresIsExactEnoughEverywhere) {
  for (const std::int64_t n : {0, 1, 31, 32, 33, 4096, 4097, 100003}) {
    const torch::Tensor x = numbers({n}, static_cast<std::uint64_t>(n));
    const double exact = x.to(torch::kFloat64).square().sum().item<double>();
    EXPECT_NEAR(sum_of_squares(x.data_ptr<float>(), n), exact, 1e-6 * exact) << n;
  }
  for (const double size : {1e-30, 1e30}) {
    const torch::Tensor x = torch::full({100}, size, torch::kFloat32);
    EXPECT_NEAR(sum_of_squares(x.data_ptr<float>(), 100) / (100 * size * size), 1.0, 1e-6);
  }
  torch::Tensor x = torch::ones(100);
  x[57] = std::nanf("");
  EXPECT_TRUE(std::isnan(sum_of_squares(x.data_ptr<float>(), 100)));
  x[57] = INFINITY;
  EXPECT_TRUE(std::isinf(sum_of_squares(x.data_ptr<float>(), 100)));
}

/// Torch's own AdamW over the same steps, decay on matrices only, in the type of `net`.
void train_with_torch(Net& net, const TrainerOptions& options, std::int64_t steps) {
  std::vector<torch::optim::OptimizerParamGroup> groups;
  for (const bool matrices : {true, false}) {
    auto settings = std::make_unique<torch::optim::AdamWOptions>(0.0);
    settings->betas({options.beta1, options.beta2}).eps(options.epsilon);
    settings->weight_decay(matrices ? options.weight_decay : 0.0);
    std::vector<torch::Tensor> members;
    for (const torch::Tensor& parameter : net.parameters)
      if ((parameter.dim() >= 2) == matrices) members.push_back(parameter);
    groups.emplace_back(members, std::move(settings));
  }
  torch::optim::AdamW optimizer(groups, torch::optim::AdamWOptions(0.0));
  for (std::int64_t step = 0; step < steps; ++step) {
    for (auto& group : optimizer.param_groups())
      static_cast<torch::optim::AdamWOptions&>(group.options()).lr(options.schedule.at(step));
    optimizer.zero_grad();
    net.loss(step).backward();
    if (options.clip > 0) torch::nn::utils::clip_grad_norm_(net.parameters, options.clip);
    optimizer.step();
  }
}

TEST(Trainer, FollowsTorchsAdamW) {
  for (const double clip : {0.0, 0.05}) {
    for (const auto type : {torch::kFloat32, torch::kFloat64}) {  // the kernel and the plain form
      TrainerOptions wanted = options();
      wanted.clip = clip;
      Net ours(type), reference(torch::kFloat64);
      Trainer trainer(ours.parameters, kNames, wanted);
      for (int step = 0; step < 20; ++step) {
        const Trainer::Step result = trainer.step(ours.closure());
        EXPECT_TRUE(result.finite);
        EXPECT_GT(result.gradient_norm, 0.05);  // so that clipping does something
      }
      train_with_torch(reference, wanted, 20);
      for (std::size_t i = 0; i < ours.parameters.size(); ++i) {
        const torch::Tensor apart = (ours.parameters[i] - reference.parameters[i]).abs().max();
        // Torch divides by the norm plus 1e-6, which is 2e-5 of the threshold here.
        EXPECT_LT(apart.item<double>(), clip > 0 ? 3e-6 : 1e-6) << kNames[i];
        const torch::Tensor moved = (ours.parameters[i] - Net().parameters[i]).abs().max();
        EXPECT_GT(moved.item<double>(), 1e-2) << kNames[i];
      }
      EXPECT_EQ(trainer.steps(), 20);
    }
  }
}

TEST(Trainer, FollowsTorchsSgdAndResumesBitForBit) {
  TrainerOptions sgd = options();
  sgd.method = TrainerOptions::Method::sgd;
  sgd.momentum = 0.9;
  sgd.weight_decay = 5e-3;
  sgd.clip = 0.0;
  const Net ours, theirs;
  Trainer trainer(ours.parameters, kNames, sgd);
  torch::optim::SGD torchs(theirs.parameters,
                           torch::optim::SGDOptions(1.0).momentum(0.9).weight_decay(5e-3).nesterov(true));
  Checkpoint halfway;
  for (int step = 0; step < 12; ++step) {
    if (step == 6) trainer.save(halfway);
    ASSERT_TRUE(trainer.step(ours.closure()).finite);
    for (auto& group : torchs.param_groups())
      static_cast<torch::optim::SGDOptions&>(group.options()).lr(sgd.schedule.at(step));
    torchs.zero_grad();
    theirs.loss(step).backward();
    torchs.step();
    for (std::size_t i = 0; i < kNames.size(); ++i)
      ASSERT_TRUE(torch::allclose(ours.parameters[i], theirs.parameters[i], 1e-5, 1e-6)) << step << kNames[i];
  }
  const Net again;
  Trainer resumed(again.parameters, kNames, sgd);
  resumed.load(halfway);
  for (int step = 6; step < 12; ++step) resumed.step(again.closure());
  for (std::size_t i = 0; i < kNames.size(); ++i) EXPECT_TRUE(again.parameters[i].equal(ours.parameters[i]));
  // A checkpoint of another method does not fit.
  Trainer adamw(Net().parameters, kNames, options());
  EXPECT_THROW(adamw.load(halfway), Error);
}

TEST(Trainer, GradientNormIsTheGlobalOneBeforeClipping) {
  torch::Tensor a = torch::zeros({2}).requires_grad_(), b = torch::zeros({3, 1}).requires_grad_();
  TrainerOptions wanted;
  wanted.schedule = {1.0, 0, 0, Schedule::Decay::constant, 1.0};
  wanted.clip = 1.0;
  Trainer trainer({a, b}, {"a", "b"}, wanted);
  const auto result = trainer.step([&](std::int64_t) { return 3.0 * a[0] + 4.0 * b[2][0]; });
  EXPECT_NEAR(result.gradient_norm, 5.0, 1e-6);
}

TEST(Trainer, ResumesBitForBitThroughAFile) {
  const std::string path =
      (std::filesystem::temp_directory_path() / fmt::format("hone-trainer-{}.hone", ::getpid())).string();
  Net whole;
  Trainer through(whole.parameters, kNames, options());
  Net first;
  Trainer before(first.parameters, kNames, options());
  std::vector<double> losses;
  for (int step = 0; step < 25; ++step) losses.push_back(through.step(whole.closure()).loss);
  for (int step = 0; step < 11; ++step) before.step(first.closure());
  Checkpoint saved;
  saved.header["task"] = "kept";
  before.save(saved);
  for (int step = 0; step < 3; ++step) before.step(first.closure());  // what is saved does not move along
  saved.save(path);

  Net second;
  Trainer after(second.parameters, kNames, options());
  after.load(Checkpoint::load(path));
  std::filesystem::remove(path);
  EXPECT_EQ(after.steps(), 11);
  for (int step = 11; step < 25; ++step)
    EXPECT_EQ(after.step(second.closure()).loss, losses[static_cast<std::size_t>(step)]);
  Checkpoint one, other;
  through.save(one);
  after.save(other);
  ASSERT_EQ(one.tensors.size(), 12u);
  for (std::size_t i = 0; i < one.tensors.size(); ++i)
    EXPECT_TRUE(torch::equal(one.tensors[i].second, other.tensors[i].second)) << one.tensors[i].first;
  EXPECT_EQ(one.header["trainer"]["steps"], 25);
  EXPECT_EQ(saved.header["task"], "kept");
}

TEST(Trainer, RefusesACheckpointThatDoesNotFitAndChangesNothing) {
  Net net;
  Trainer trainer(net.parameters, kNames, options());
  for (int step = 0; step < 2; ++step) trainer.step(net.closure());
  Checkpoint good;
  trainer.save(good);
  const auto refused = [&](const Checkpoint& checkpoint) {
    Net other;
    Trainer fresh(other.parameters, kNames, options());
    EXPECT_THROW(fresh.load(checkpoint), Error);
    EXPECT_EQ(fresh.steps(), 0);
    for (std::size_t i = 0; i < 4; ++i) EXPECT_TRUE(torch::equal(other.parameters[i], Net().parameters[i]));
  };
  refused(Checkpoint{});
  Checkpoint bad = good;
  bad.tensors.pop_back();
  refused(bad);
  bad = good;
  bad.tensors[9].second = torch::zeros({6});
  refused(bad);
  bad = good;
  bad.tensors[9].second = bad.tensors[9].second.to(torch::kFloat64);
  refused(bad);
  bad = good;
  bad.tensors.emplace_back("weight/more", torch::zeros({6}));
  refused(bad);
  bad = good;
  bad.header["trainer"]["steps"] = -1;
  refused(bad);
}

TEST(Trainer, NotFiniteLossOrGradientUpdatesNothing) {
  Net net;
  Trainer trainer(net.parameters, kNames, options());
  for (int step = 0; step < 3; ++step) trainer.step(net.closure());
  Checkpoint before;
  trainer.save(before);
  const torch::Tensor zero = torch::zeros({}) * 1.0;
  const std::vector<std::function<torch::Tensor(std::int64_t)>> bad = {
      [&](std::int64_t step) { return net.loss(step) * std::nanf(""); },
      [&](std::int64_t step) { return net.loss(step) / 0.0; },
      // A finite loss whose gradient is not: the root's slope at zero.
      [&](std::int64_t step) { return net.loss(step) + (net.parameters[1].sum() * 0.0).sqrt(); },
  };
  for (const auto& loss : bad) {
    const Trainer::Step result = trainer.step(loss);
    EXPECT_FALSE(result.finite);
    EXPECT_FALSE(std::isfinite(result.gradient_norm));
    EXPECT_EQ(trainer.steps(), 3);
    Checkpoint after;
    trainer.save(after);
    for (std::size_t i = 0; i < after.tensors.size(); ++i)
      EXPECT_TRUE(torch::equal(after.tensors[i].second, before.tensors[i].second));
  }
  EXPECT_TRUE(trainer.step(net.closure()).finite);
}

TEST(Trainer, LeavesWhatTheLossDoesNotReach) {
  torch::Tensor used = torch::ones({2, 2}).requires_grad_(), unused = torch::ones({2, 2}).requires_grad_();
  TrainerOptions wanted;
  wanted.schedule = {0.1, 0, 0, Schedule::Decay::constant, 1.0};
  Trainer trainer({used, unused}, {"used", "unused"}, wanted);
  trainer.step([&](std::int64_t) { return used.sum(); });
  EXPECT_TRUE(torch::equal(unused.detach(), torch::ones({2, 2})));
  EXPECT_FALSE(torch::equal(used.detach(), torch::ones({2, 2})));
  EXPECT_FALSE(used.grad().defined());
}

TEST(Trainer, HandlesStridedParametersAndGradients) {
  // A transposed weight takes the plain form; an expanded gradient is laid out first.
  torch::Tensor strided = numbers({6, 4}, 1).t().requires_grad_();
  torch::Tensor plain = numbers({6, 4}, 1).t().contiguous().requires_grad_();
  Trainer one({strided}, {"w"}, options()), other({plain}, {"w"}, options());
  for (int step = 0; step < 5; ++step) {
    one.step([&](std::int64_t) { return strided.sum() * 3.0 + strided.square().sum(); });
    other.step([&](std::int64_t) { return plain.sum() * 3.0 + plain.square().sum(); });
  }
  EXPECT_LT((strided - plain).abs().max().item<double>(), 1e-6);
}

TEST(Trainer, RefusesWhatItCannotTrain) {
  torch::Tensor leaf = torch::ones({2}).requires_grad_();
  EXPECT_THROW(Trainer({leaf}, {"a", "b"}, {}), Error);
  EXPECT_THROW(Trainer({leaf, leaf}, {"a", "a"}, {}), Error);
  EXPECT_THROW(Trainer({torch::ones({2})}, {"a"}, {}), Error);
  EXPECT_THROW(Trainer({leaf * 2}, {"a"}, {}), Error);
  Trainer trainer({leaf}, {"a"}, {});
  EXPECT_THROW(trainer.step([&](std::int64_t) { return leaf * 2; }), Error);
  EXPECT_THROW(trainer.step([&](std::int64_t) { return torch::ones({}); }), Error);
}

}  // namespace
}  // namespace hone::train
