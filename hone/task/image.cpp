#include "hone/task/image.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hone/task/searchable.h"
#include "hone/task/training_options.h"

namespace hone::task {
namespace {

constexpr const char* kShapes = "shapes";

std::vector<std::string> kinds_or_auto() {
  std::vector<std::string> names = cell_kind_names();
  names.insert(names.begin(), "auto");
  return names;
}

/// The images, and what is held out of them.
std::vector<OptionSpec> image_data_options() {
  using Type = OptionSpec::Type;
  return {
      {.name = "data",
       .type = Type::text,
       .fallback = kShapes,
       .summary = "an IDX file of images (its labels beside it), a folder of IDX files or of CIFAR's binary "
                  "ones, or \"shapes\": drawn ones, which need no file"},
      {.name = "images",
       .type = Type::integer,
       .fallback = 0,
       .summary = "images to train and validate on at most; 0: all, of shapes 4,000",
       .low = 0,
       .high = 1e8},
      {.name = "side",
       .type = Type::integer,
       .fallback = 16,
       .summary = "shapes: height and width",
       .low = 8,
       .high = 128},
      {.name = "validation_share",
       .type = Type::real,
       .fallback = 0.2,
       .summary = "share of those images held out to compare networks",
       .low = 0.01,
       .high = 0.9},
      {.name = "test_share",
       .type = Type::real,
       .fallback = 0.1,
       .summary = "share held out to the very end, where the data has no test part of its own",
       .low = 0.001,
       .high = 0.9},
      {.name = "unit",
       .type = Type::text,
       .fallback = "epochs",
       .summary = "of fidelity: passes over the training images, or steps",
       .allowed = {"epochs", "steps"}},
  };
}

/// The network.
std::vector<OptionSpec> image_model_options() {
  using Type = OptionSpec::Type;
  return {
      {.name = "cell",
       .type = Type::text,
       .fallback = "auto",
       .summary = "the space of cells; auto: by the names of the space's parameters, of NAS-Bench-201 where "
                  "there are none",
       .allowed = kinds_or_auto()},
      {.name = "channels",
       .type = Type::integer,
       .fallback = 16,
       .summary = "channels of the first stage; every further one has twice as many",
       .low = 2,
       .high = 1024},
      {.name = "stages",
       .type = Type::integer,
       .fallback = 3,
       .summary = "stages, between which height and width are halved",
       .low = 1,
       .high = 6},
      {.name = "cells_per_stage",
       .type = Type::integer,
       .fallback = 1,
       .summary = "cells of a stage (5 in NAS-Bench-201, 3 in NAS-Bench-101, 6 in DARTS)",
       .low = 1,
       .high = 32},
  };
}

std::vector<OptionSpec> image_specs() {
  using Type = OptionSpec::Type;
  return all_options(
      {image_data_options(),
       image_model_options(),
       {batch_option(64, "images", 2, 8192),
        {.name = "optimizer",
         .type = Type::text,
         .fallback = "sgd",
         .summary = "sgd: with Nesterov's momentum, decay as L2 penalty; adamw: decay decoupled",
         .allowed = {"sgd", "adamw"}},
        lr_option(0.1, "peak learning rate"),
        {.name = "momentum",
         .type = Type::real,
         .fallback = 0.9,
         .summary = "of sgd",
         .low = 0.0,
         .high = 0.9999},
        weight_decay_option(5e-4, "weight decay")},
       schedule_options(0.0, 0.0),
       {{.name = "crop",
         .type = Type::integer,
         .fallback = 0,
         .summary = "pixels by which training images are shifted at random (4 for CIFAR)",
         .low = 0,
         .high = 64},
        {.name = "flip",
         .type = Type::flag,
         .fallback = false,
         .summary = "training images are mirrored at random, left to right"}}});
}

const Searchable& searchable_image() {
  static const Searchable all("image", image_specs(),
                              {"data", "images", "side", "validation_share", "test_share", "cell", "unit"});
  return all;
}

/// The kind of cells whose parameters a config has.
CellKind kind_of(const space::Config& config) {
  for (const CellKind kind : {CellKind::nasbench201, CellKind::nasbench101, CellKind::darts})
    if (config.has(cell_parameters(kind).front())) return kind;
  throw Error("the config has no parameters of a cell");
}

}  // namespace

std::vector<OptionSpec> ImageTask::option_specs() { return image_specs(); }

ImageTask::ImageTask(Options options, const std::string& folder)
    : options_(std::move(options)),
      path_(beside_study(options_.text("data"), folder)),
      place_(options_.place("data")) {}

std::vector<MeasureInfo> ImageTask::measures() const {
  return {
      {"error", "share of the validation images that it takes for others"},
      {"latency_s", "seconds an image, one at a time, on this machine", true, true, true},
      {"accuracy", "1 - error", false},
      {"loss", "cross-entropy of the validation images, in nats"},
      {"parameters", "trainable parameters", true, false, true},
      {"flops", "floating point operations an image", true, false, true},
      {"memory_bytes", "growth of resident memory in the first training steps", true, true, false, true},
      {"train_s", "seconds of training so far", true, true, false, true},
      {"latency_spread", "spread of the latency over repeats: (q80 - q20) / q20", true, true, true},
      {"train_loss", "cross-entropy of the last training batches"},
  };
}

std::optional<CellKind> ImageTask::chosen_kind() const {
  const std::string name = options_.text("cell");
  return name == "auto" ? std::nullopt : std::optional(cell_kind_from_name(name));
}

std::optional<space::Space> ImageTask::default_space() const {
  return cell_space(chosen_kind().value_or(CellKind::nasbench201));
}

void ImageTask::check(const space::Space& space) const {
  std::optional<CellKind> kind = chosen_kind();
  if (kind ? !has_cells(space, *kind) : !(kind = find_cells(space))) {
    const CellKind meant = kind.value_or(CellKind::nasbench201);
    throw Error(
        fmt::format("the space has no cells of {}",
                    kind ? cell_kind_name(*kind) : fmt::format("{}", fmt::join(cell_kind_names(), ", "))),
        Place{"", 0, "space"},
        fmt::format("cells of {} are made of {}, with the values {}; leave [space] out to have them all",
                    cell_kind_name(meant), fmt::join(cell_parameters(meant), ", "),
                    fmt::join(cell_operations(meant), ", ")));
  }
  const auto of_cells = cell_parameters(*kind);
  for (const auto& parameter : space.parameters())
    if (std::find(of_cells.begin(), of_cells.end(), parameter.name) == of_cells.end())
      searchable_image().check(parameter, options_);
}

const ImageSet& ImageTask::images() const {
  std::call_once(once_, [this] {
    const auto most = static_cast<std::size_t>(options_.integer("images"));
    ImageFiles files;
    if (options_.text("data") == kShapes) {
      const int side = static_cast<int>(options_.integer("side"));
      files.shape = {1, side, side};
      files.images = drawn_shapes(most == 0 ? 4000 : most, side, 1);
      files.test = drawn_shapes(1000, side, 2);
    } else {
      files = read_images(path_, place_);
    }
    try {
      images_ = std::make_unique<const ImageSet>(
          std::move(files),
          ImageSet::Shares{most, options_.real("validation_share"), options_.real("test_share")});
    } catch (const Error& error) {
      throw Error(error.message(), place_, error.hint());
    }
  });
  return *images_;
}

std::string ImageTask::prepare() const {
  const ImageSet& set = images();
  return fmt::format("{} images of {} to train on, {} to validate, {} to test; {} classes",
                     set.images(Split::train).size(), graph::shape_text(set.shape()),
                     set.images(Split::validation).size(), set.images(Split::test).size(), set.classes());
}

ImageSettings ImageTask::settings(const space::Config& config) const {
  const Chosen chosen(config, options_);
  ImageSettings s;
  const auto kind = chosen_kind();
  s.network.kind = kind ? *kind : kind_of(config);
  s.network.cells = cells_of(s.network.kind, config);
  s.network.channels = chosen.integer("channels");
  s.network.stages = chosen.integer("stages");
  s.network.cells_per_stage = chosen.integer("cells_per_stage");
  s.network.classes = images().classes();
  s.network.image = images().shape();
  s.batch = chosen.integer("batch");
  s.optimizer = chosen.text("optimizer");
  s.lr = chosen.real("lr");
  s.momentum = chosen.real("momentum");
  s.weight_decay = chosen.real("weight_decay");
  s.warmup = chosen.real("warmup");
  s.decay = chosen.text("decay");
  s.final_lr = chosen.real("final_lr");
  s.crop = chosen.integer("crop");
  s.flip = chosen.flag("flip");
  const auto n = static_cast<std::int64_t>(images().images(Split::train).size());
  if (options_.text("unit") == "epochs") s.steps_per_unit = std::max<std::int64_t>(1, n / s.batch);
  return s;
}

std::optional<graph::Graph> ImageTask::graph(const space::Config& config) const {
  const ImageSettings s = settings(config);
  return cell_network(s.network, s.batch);
}

study::Measures ImageTask::design_costs(const space::Config& config) const {
  const graph::Graph one = cell_network(settings(config).network, 1);
  return {{"parameters", static_cast<double>(one.parameter_count())}, {"flops", one.work().flops}};
}

std::optional<std::string> ImageTask::unseen_by_probe(const space::Config& config) const {
  // The probe trains a few steps at the peak learning rate on noise: batches, what is done to images, warm-up
  // and decay of the learning rate, and what works slowly enter as they are.
  const ImageSettings s = settings(config);
  return fmt::format(
      "image {} data={} unit={} batch={} crop={} flip={} warmup={} decay={} final_lr={} momentum={} "
      "weight_decay={}",
      kVersion, images().key().hex(), options_.text("unit"), s.batch, s.crop, s.flip, s.warmup, s.decay,
      s.decay == "constant" ? 1.0 : s.final_lr, s.optimizer == "sgd" ? s.momentum : 0.0, s.weight_decay);
}

std::optional<std::string> ImageTask::seen_by_probe(const space::Config& config) const {
  const ImageSettings s = settings(config);
  return fmt::format("optimizer={} lr={}", s.optimizer, s.lr);
}

}  // namespace hone::task

HONE_REGISTER(task, image) {
  using namespace hone;
  registry.add(
      "task",
      {.name = "image",
       .summary = "networks of stacked cells (NAS-Bench-201, NAS-Bench-101, DARTS) that classify images: "
                  "errors against latency",
       .paper = "",
       .options = task::ImageTask::option_specs(),
       .traits =
           "brings its space; every option from channels on may be searched instead: put it in [space]"},
      task::MakeTask(
          [](const Options& options, const std::string& folder) -> std::shared_ptr<const task::Task> {
            return std::make_shared<task::ImageTask>(options, folder);
          }));
}
