#include "hone/train/trainer.h"

#include <cmath>
#include <set>
#include <utility>

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include "hone/base/error.h"
#include "hone/base/numbers.h"
#include "hone/train/adamw_kernel.h"

namespace hone::train {
namespace {

constexpr std::int64_t kUpdateGrain = 1 << 15;  // entries a thread takes at a time

bool kernel_serves(const torch::Tensor& tensor) {
  return tensor.device().is_cpu() && tensor.scalar_type() == torch::kFloat32 && tensor.is_contiguous();
}

double squared_norm(const torch::Tensor& gradient) {
  if (kernel_serves(gradient)) return sum_of_squares(gradient.data_ptr<float>(), gradient.numel());
  return gradient.to(torch::kFloat64).square().sum().item<double>();
}

void update_fused(torch::Tensor& weight, torch::Tensor& m, torch::Tensor& v, const torch::Tensor& gradient,
                  const AdamwStep& step) {
  float* w = weight.data_ptr<float>();
  float* first = m.data_ptr<float>();
  float* second = v.data_ptr<float>();
  const float* g = gradient.data_ptr<float>();
  at::parallel_for(0, weight.numel(), kUpdateGrain, [&](std::int64_t begin, std::int64_t end) {
    adamw_update(w + begin, first + begin, second + begin, g + begin, end - begin, step);
  });
  // The kernel writes behind autograd's back; whoever saved the old weights for a backward must hear of it.
  weight.unsafeGetTensorImpl()->bump_version();
}

void update_plain(torch::Tensor& weight, torch::Tensor& m, torch::Tensor& v, const torch::Tensor& gradient,
                  const AdamwStep& step) {
  const torch::Tensor g = gradient * step.gradient_scale;
  m.mul_(step.beta1).add_(g, 1.0 - step.beta1);
  v.mul_(step.beta2).addcmul_(g, g, 1.0 - step.beta2);
  const auto power = static_cast<double>(step.step);
  const double correction = std::sqrt(1.0 - std::pow(step.beta2, power));
  weight.mul_(1.0 - step.rate * step.decay);
  weight.addcdiv_(m, v.sqrt().div_(correction).add_(step.epsilon),
                  -step.rate / (1.0 - std::pow(step.beta1, power)));
}

}  // namespace

Trainer::Trainer(std::vector<torch::Tensor> parameters, std::vector<std::string> names,
                 TrainerOptions options)
    : parameters_(std::move(parameters)), names_(std::move(names)), options_(options) {
  if (parameters_.size() != names_.size())
    throw internal_error("a trainer needs one name for each parameter");
  if (std::set<std::string>(names_.begin(), names_.end()).size() != names_.size())
    throw internal_error("two parameters of a trainer have the same name");
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const torch::Tensor& parameter = parameters_[i];
    if (!parameter.is_leaf() || !parameter.requires_grad())
      throw internal_error(fmt::format("parameter '{}' is no leaf that requires grad", names_[i]));
    first_moment_.push_back(torch::zeros_like(parameter.detach()));
    if (options_.method == TrainerOptions::Method::adamw)
      second_moment_.push_back(torch::zeros_like(parameter.detach()));
  }
}

Trainer::Step Trainer::step(const std::function<torch::Tensor(std::int64_t)>& loss) {
  Step result;
  std::vector<torch::Tensor> gradients;
  {
    at::AutoGradMode recording(true);
    const torch::Tensor value = loss(steps_);
    if (!value.defined() || value.numel() != 1) throw internal_error("a loss must be a single number");
    result.loss = value.item<double>();
    if (!std::isfinite(result.loss)) {
      result.gradient_norm = kNaN;
      result.finite = false;
      return result;
    }
    if (!value.requires_grad()) throw internal_error("the loss does not depend on any parameter");
    gradients = torch::autograd::grad({value}, parameters_, {}, c10::nullopt, false, true);
  }

  at::NoGradGuard quiet;
  double squares = 0.0;
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    torch::Tensor& gradient = gradients[i];
    if (!gradient.defined()) continue;
    if (gradient.layout() != torch::kStrided) gradient = gradient.to_dense();
    if (kernel_serves(parameters_[i])) gradient = gradient.contiguous();
    squares += squared_norm(gradient);
  }
  result.gradient_norm = std::sqrt(squares);
  if (!std::isfinite(squares)) {
    result.finite = false;
    return result;
  }
  const bool clips = options_.clip > 0.0 && result.gradient_norm > options_.clip;
  const double scale = clips ? options_.clip / result.gradient_norm : 1.0;
  for (std::size_t i = 0; i < gradients.size(); ++i)
    if (gradients[i].defined()) update(i, gradients[i], scale);
  ++steps_;
  return result;
}

void Trainer::update(std::size_t i, const torch::Tensor& gradient, double gradient_scale) {
  torch::Tensor& weight = parameters_[i];
  if (options_.method == TrainerOptions::Method::sgd) {
    torch::Tensor& velocity = first_moment_[i];
    torch::Tensor g = gradient * gradient_scale;
    if (options_.weight_decay > 0.0) g.add_(weight, options_.weight_decay);
    velocity.mul_(options_.momentum).add_(g);
    weight.add_(g.add_(velocity, options_.momentum), -options_.schedule.at(steps_));
    return;
  }
  AdamwStep step;
  step.rate = options_.schedule.at(steps_);
  step.beta1 = options_.beta1;
  step.beta2 = options_.beta2;
  step.epsilon = options_.epsilon;
  step.decay = weight.dim() >= 2 ? options_.weight_decay : 0.0;
  step.gradient_scale = gradient_scale;
  step.step = steps_ + 1;
  const bool fused = kernel_serves(weight) && kernel_serves(gradient);
  (fused ? update_fused : update_plain)(weight, first_moment_[i], second_moment_[i], gradient, step);
}

std::vector<std::pair<std::string, torch::Tensor>> Trainer::state_of(std::size_t i) const {
  if (options_.method == TrainerOptions::Method::sgd)
    return {{"sgd.velocity/" + names_[i], first_moment_[i]}};
  return {{"adam.m/" + names_[i], first_moment_[i]}, {"adam.v/" + names_[i], second_moment_[i]}};
}

void Trainer::save(Checkpoint& checkpoint) const {
  const auto copy = [](const torch::Tensor& tensor) {
    return tensor.detach().to(torch::kCPU, tensor.scalar_type(), false, true).contiguous();
  };
  checkpoint.header["trainer"] = {{"steps", steps_}};
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    checkpoint.tensors.emplace_back("weight/" + names_[i], copy(parameters_[i]));
    for (const auto& [name, tensor] : state_of(i)) checkpoint.tensors.emplace_back(name, copy(tensor));
  }
}

void Trainer::load(const Checkpoint& checkpoint) {
  const Json* steps = nullptr;
  if (checkpoint.header.is_object() && checkpoint.header.contains("trainer")) {
    const Json& trainer = checkpoint.header["trainer"];
    if (trainer.is_object() && trainer.contains("steps")) steps = &trainer["steps"];
  }
  if (steps == nullptr || !steps->is_number_integer() || steps->get<std::int64_t>() < 0)
    throw Error("the checkpoint holds no state of a trainer", {}, "take one that training has written");

  // Everything is looked at before anything is changed.
  std::vector<std::pair<torch::Tensor, torch::Tensor>> copies;
  const auto plan = [&](const std::string& name, const torch::Tensor& into) {
    const torch::Tensor& from = checkpoint.tensor(name);
    if (from.sizes() != into.sizes() || from.scalar_type() != into.scalar_type())
      throw Error(fmt::format("tensor '{}' is {} {} in the checkpoint and {} {} in the model", name,
                              c10::toString(from.scalar_type()), c10::str(from.sizes()),
                              c10::toString(into.scalar_type()), c10::str(into.sizes())),
                  {}, "load it into a model of the same design");
    copies.emplace_back(into, from);
  };
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    plan("weight/" + names_[i], parameters_[i]);
    for (const auto& [name, tensor] : state_of(i)) plan(name, tensor);
  }
  const std::set<std::string> known(names_.begin(), names_.end());
  for (const auto& [name, tensor] : checkpoint.tensors)
    if (name.rfind("weight/", 0) == 0 && known.count(name.substr(7)) == 0)
      throw Error(fmt::format("the checkpoint holds '{}', which the model lacks", name), {},
                  "load it into a model of the same design");

  at::NoGradGuard quiet;
  for (auto& [into, from] : copies) into.copy_(from);
  steps_ = steps->get<std::int64_t>();
}

}  // namespace hone::train
