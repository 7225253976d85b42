#include "hone/cost/llm/estimate.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "../../program.h"
#include "hone/cost/llm/calibrate.h"

namespace hone::cost {
namespace {

LlmDeployment on(const std::string& model, const std::string& device, std::int64_t tensor = 1) {
  LlmDeployment deployment;
  deployment.model = need_architecture(model);
  deployment.accelerator = accelerator(device);
  deployment.tensor_parallel = tensor;
  return deployment;
}

TEST(LlmArchitecture, CountsTheParametersThatAreInTheNames) {
  const auto billions = [](const char* name) { return need_architecture(name).parameters() * 1e-9; };
  EXPECT_NEAR(billions("gpt-j-6b"), 6.05, 0.1);
  EXPECT_NEAR(billions("gpt-neox-20b"), 20.6, 0.3);
  EXPECT_NEAR(billions("opt-66b"), 65.7, 0.7);
  EXPECT_NEAR(billions("opt-175b"), 174.6, 1.5);
  EXPECT_NEAR(billions("bloom-176b"), 176.2, 1.0);
  EXPECT_NEAR(billions("yalm-100b"), 100, 3);
  EXPECT_NEAR(billions("tnlg-530b"), 530, 3);
  EXPECT_NEAR(billions("j1-jumbo-178b"), 178, 1.5);
  EXPECT_NEAR(billions("j1-grande-17b"), 17, 0.2);
  EXPECT_NEAR(billions("llama2-70b"), 69.0, 0.3);
  EXPECT_NEAR(billions("llama3.1-405b"), 405.9, 1.0);
  EXPECT_NEAR(billions("mixtral-8x7b"), 46.7, 0.2);
  EXPECT_NEAR(billions("falcon-180b"), 179.5, 2.0);
  EXPECT_NEAR(billions("glm-130b"), 130, 2);
  EXPECT_NEAR(billions("t5-11b"), 11.3, 0.2);
  EXPECT_NEAR(billions("t0pp"), 11.1, 0.2);
  EXPECT_NEAR(billions("ul2-20b"), 19.5, 0.7);
  EXPECT_NEAR(need_architecture("mixtral-8x7b").active_parameters() * 1e-9, 12.8, 0.2);
}

TEST(LlmArchitecture, IsFoundByServedNames) {
  EXPECT_EQ(find_architecture("EleutherAI/gpt-j-6b")->name, "gpt-j-6b");
  EXPECT_EQ(find_architecture("meta-llama/Llama-2-70b-chat-hf")->name, "llama2-70b");
  EXPECT_EQ(find_architecture("huggingface/gptj_6b")->name, "gpt-j-6b");
  EXPECT_TRUE(find_architecture("openai/text-davinci-002")->assumed);
  EXPECT_FALSE(find_architecture("together/bloom")->assumed);
  EXPECT_FALSE(find_architecture("somebody/else").has_value());
  EXPECT_DOUBLE_EQ(*parameters_in_name("some/model-13b-chat"), 1.3e10);
  EXPECT_DOUBLE_EQ(*parameters_in_name("x_350M"), 3.5e8);
  EXPECT_FALSE(parameters_in_name("gpt4-turbo").has_value());
  const auto guess = need_architecture("some/model-13b");
  EXPECT_TRUE(guess.assumed);
  EXPECT_NEAR(guess.parameters(), 1.3e10, 6e8);
  EXPECT_EQ(guess.layers, 40);
  for (const double size : {1e8, 3.5e8, 2.7e9, 7e9, 1.3e10, 3.4e10, 7e10, 1.8e11, 1e12}) {
    const LlmArchitecture shape = architecture_of_size(size);
    EXPECT_NEAR(shape.parameters() / size, 1.0, 0.01) << size;
    EXPECT_EQ(shape.heads % 8, 0) << size;
    EXPECT_NEAR(static_cast<double>(shape.ffn_width) / static_cast<double>(shape.width), 4.0, 1.0) << size;
    EXPECT_NO_THROW(shape.check({}));
  }
  EXPECT_NO_THROW(architecture_of_size(1e7).check({}));
  EXPECT_NO_THROW(architecture_of_size(1e13).check({}));
  EXPECT_THROW(need_architecture("nothing"), Error);
}

TEST(LlmArchitecture, CommonNamesAreKnownAndAsLargeAsPublished) {
  const std::pair<const char*, double> published[]{{"llama3-405b", 405e9},
                                                   {"Llama-3.1-8B", 8.03e9},
                                                   {"meta-llama/Llama-3.1-70B-Instruct", 70.6e9},
                                                   {"meta-llama/Meta-Llama-3-8B-Instruct", 8.03e9},
                                                   {"Llama-3.3-70B-Instruct", 70.6e9},
                                                   {"meta-llama/Llama-3.2-1B-Instruct", 1.24e9},
                                                   {"Llama-3.2-3B", 3.21e9},
                                                   {"Qwen/Qwen2.5-7B-Instruct", 7.61e9},
                                                   {"qwen2.5-72b", 72.7e9},
                                                   {"google/gemma-2-9b-it", 9.24e9},
                                                   {"microsoft/phi-2", 2.78e9}};
  for (const auto& [name, parameters] : published) {
    const auto found = find_architecture(name);
    ASSERT_TRUE(found) << name;
    EXPECT_FALSE(found->assumed) << name;
    EXPECT_NEAR(found->parameters() / parameters, 1.0, 0.01) << name;
  }
}

TEST(LlmArchitecture, ReadsConfigs) {
  const auto read = architecture_of_json(
      Json::parse(
          R"({"model_type": "llama", "hidden_act": "silu", "num_hidden_layers": 80, "hidden_size": 8192,
        "num_attention_heads": 64, "num_key_value_heads": 8, "intermediate_size": 28672, "vocab_size": 32000,
        "tie_word_embeddings": false})"),
      {});
  EXPECT_DOUBLE_EQ(read.parameters(), need_architecture("llama2-70b").parameters());
  EXPECT_EQ(architecture_of_json(
                Json::parse(R"({"n_layer": 12, "n_embd": 768, "n_head": 12, "vocab_size": 50257})"), {})
                .parameters(),
            need_architecture("gpt2").parameters());
  for (const char* bad : {"[]", "{}", R"({"layers": 2, "width": 8, "heads": 3.5, "vocabulary": 9})",
                          R"({"layers": 0, "width": 8, "heads": 2, "vocabulary": 9})",
                          R"({"layers": 2, "width": 8, "heads": 2, "kv_heads": 4, "vocabulary": 9})"})
    EXPECT_THROW(architecture_of_json(Json::parse(bad), {}), Error) << bad;
}

TEST(LlmArchitecture, KnowsThatConfigsMeanMoreThanTheySay) {
  const auto read = [](const char* text) {
    return architecture_of_json(Json::parse(text), Place{"c.json", 0, ""});
  };
  // Falcon's first architecture: one head of keys, though num_kv_heads says 71.
  EXPECT_EQ(
      read(R"({"num_hidden_layers": 32, "hidden_size": 4544, "num_attention_heads": 71, "num_kv_heads": 71,
    "multi_query": true, "new_decoder_architecture": false, "vocab_size": 65024})")
          .kv_heads,
      1);
  EXPECT_EQ(
      read(R"({"num_hidden_layers": 60, "hidden_size": 8192, "num_attention_heads": 128, "num_kv_heads": 8,
    "multi_query": true, "new_decoder_architecture": true, "vocab_size": 65024})")
          .kv_heads,
      8);
  EXPECT_TRUE(
      read(R"({"model_type": "gemma", "num_hidden_layers": 18, "hidden_size": 2048, "vocab_size": 256000,
    "num_attention_heads": 8, "hidden_act": "gelu_pytorch_tanh"})")
          .tied);
  EXPECT_EQ(
      read(R"({"num_hidden_layers": 24, "hidden_size": 2048, "num_attention_heads": 16, "vocab_size": 151936,
    "hidden_act": "silu", "intermediate_size": 5632, "moe_intermediate_size": 1408, "num_experts": 60,
    "num_experts_per_tok": 4})")
          .ffn_width,
      1408);
  // Of our own words a wrong one is an error.
  try {
    read(R"({"layers": 32, "width": 4096, "heads": 32, "kv_head": 8, "vocabulary": 32000})");
    FAIL() << "read";
  } catch (const Error& error) {
    EXPECT_EQ(error.place().file, "c.json");
    EXPECT_NE(std::string(error.what()).find("did you mean 'kv_heads'"), std::string::npos) << error.what();
  }
}

TEST(LlmMemory, TellsHowManyAcceleratorsAreNeeded) {
  const auto needed = [](const char* model, double batch, double context, double bits = 16.0) {
    LlmDeployment deployment = on(model, "a100-80gb");
    deployment.weight_bits = bits;
    return fitted(deployment, batch, context, std::min(context, 2048.0)).accelerators();
  };
  EXPECT_EQ(needed("gpt-j-6b", 1, 2048), 1);
  EXPECT_EQ(needed("gpt-neox-20b", 1, 2048), 1);
  EXPECT_EQ(needed("opt-66b", 1, 2048), 2);
  EXPECT_EQ(needed("opt-175b", 1, 2048), 8);
  EXPECT_EQ(needed("tnlg-530b", 1, 2048), 16);
  EXPECT_EQ(needed("opt-175b", 1, 2048, 4.25), 2) << "four bits a weight";
  EXPECT_EQ(needed("foo-70b", 1, 640), 2);
  // Where heads cannot be shared, layers follow each other.
  LlmDeployment odd = on("foo-70b", "a100-80gb");
  odd.model.heads = odd.model.kv_heads = 73;
  odd = fitted(odd, 1, 640, 512);
  EXPECT_EQ(odd.tensor_parallel, 1);
  EXPECT_EQ(odd.pipeline_parallel, 2);
  EXPECT_GT(needed("opt-66b", 64, 2048), 2) << "the cache needs room too";
  // Grouped keys and values make a small cache.
  EXPECT_LT(need_architecture("llama2-70b").kv_bytes(2.0),
            0.2 * need_architecture("llama-65b").kv_bytes(2.0));
  EXPECT_DOUBLE_EQ(need_architecture("llama2-70b").kv_bytes(2.0), 327680.0);
  EXPECT_THROW(fitted(on("opt-175b", "t4"), 1e6, 1e6, 1.0), Error);
  EXPECT_EQ(split_over(on("tnlg-530b", "a100-80gb"), 24).pipeline_parallel, 3);
  EXPECT_THROW(split_over(on("gpt2", "t4"), 0), Error);
}

TEST(LlmMemory, SaysThatNothingHoldsIt) {
  LlmDeployment deployment = on("opt-175b", "rtx-4090");
  try {
    fitted(deployment, 100000.0, 640.0, 512.0);
    FAIL() << "fits";
  } catch (const Error& error) {
    EXPECT_NE(error.message().find("does not fit on any number"), std::string::npos) << error.what();
  }
}

TEST(LlmEstimate, KnowsLaunchesBesideBytesAndOperations) {
  const LlmStack stack;
  const auto small = decode_step(on("gpt-j-6b", "a100-80gb"), stack, 1, 128);
  EXPECT_EQ(small.bound(), "launches");
  EXPECT_GT(small.seconds, 2.0 * roofline_decode_s(on("gpt-j-6b", "a100-80gb"), 1, 128));
  // Depth counts, width hardly.
  LlmDeployment wide = on("gpt-j-6b", "a100-80gb"), deep = wide;
  wide.model.width *= 2;
  wide.model.heads *= 2;
  wide.model.kv_heads *= 2;
  deep.model.layers *= 2;
  EXPECT_LT(decode_step(wide, stack, 1, 128).seconds, 1.45 * small.seconds);
  EXPECT_GT(decode_step(deep, stack, 1, 128).seconds, 1.9 * small.seconds);
  // A large model on one accelerator is bound by its bytes.
  LlmDeployment large = on("llama2-70b", "h200");
  EXPECT_EQ(decode_step(large, stack, 1, 128).bound(), "memory");
  EXPECT_EQ(prompt_step(large, stack, 1, 2048).bound(), "compute");
}

TEST(LlmEstimate, KnowsStacksThatCaptureGraphs) {
  const LlmStack eager = LlmStack::named("eager"), graphs = LlmStack::named("graphs");
  EXPECT_EQ(eager.values(), LlmStack{}.values());
  EXPECT_THROW(LlmStack::named("eagre"), Error);
  // What such stacks are reported to take a token at batch 1.
  const auto token = [&](const char* model, const char* device, std::int64_t tensor) {
    return decode_step(on(model, device, tensor), graphs, 1, 512).seconds;
  };
  EXPECT_GT(token("llama2-70b", "a100-80gb", 8), 22e-3);
  EXPECT_LT(token("llama2-70b", "a100-80gb", 8), 30e-3);
  EXPECT_GT(token("llama3-8b", "h100-80gb", 1), 6.5e-3);
  EXPECT_LT(token("llama3-8b", "h100-80gb", 1), 9e-3);
  EXPECT_GT(decode_step(on("llama2-70b", "a100-80gb", 8), eager, 1, 512).seconds,
            2.0 * token("llama2-70b", "a100-80gb", 8));
}

TEST(LlmEstimate, SaysWhatIsLargest) {
  const LlmStack stack;
  const auto crowd = decode_step(on("llama3-8b", "h100-80gb"), stack, 256, 768);
  EXPECT_DOUBLE_EQ(crowd.sequences, 256 * stack.sequence_s);
  EXPECT_EQ(crowd.bound(), "sequences") << "neither host's launches nor device";
  LlmDeployment staged = on("gpt2", "a100-80gb");
  staged.pipeline_parallel = 12;
  EXPECT_EQ(decode_step(staged, stack, 1, 128).bound(), "stages");
  LlmStack captured;
  captured.launch_s = 1e-6;
  EXPECT_EQ(decode_step(on("gpt2", "h200"), captured, 1, 128).bound(), "kernels");
  // The parts add up, but for the overlap of host and device.
  for (const char* model : {"llama2-70b", "t5-11b"})
    for (const auto& step :
         {decode_step(on(model, "h200"), stack, 8, 512), prompt_step(on(model, "h200"), stack, 8, 512)}) {
      const double beside = step.sequences + step.stages + step.setup;
      EXPECT_GE(step.seconds, std::max(step.host, step.device) + beside);
      EXPECT_LE(step.seconds, step.host + step.device + beside);
      EXPECT_NEAR(step.device,
                  std::max(step.memory, step.compute) + step.links + step.kernels + step.activations,
                  0.1 * step.device)
          << "an encoder and a decoder are bound by different ones";
    }
}

TEST(LlmEstimate, GrowsWithBatchContextAndPrompt) {
  const LlmStack stack;
  const LlmDeployment deployment = on("llama2-70b", "h100-80gb", 2);
  double last = 0.0;
  for (const double batch : {1.0, 8.0, 64.0, 512.0}) {
    const double now = decode_step(deployment, stack, batch, 1024).seconds;
    EXPECT_GT(now, last);
    last = now;
  }
  EXPECT_GT(decode_step(deployment, stack, 64, 8192).seconds,
            1.2 * decode_step(deployment, stack, 64, 128).seconds);
  last = 0.0;
  for (double prompt = 1.0; prompt < 20000.0; prompt *= 2.0) {
    const double now = prompt_step(deployment, stack, 1, prompt).seconds;
    EXPECT_GE(now, last);
    last = now;
  }
}

TEST(LlmEstimate, GainsFromFewerBitsAndMoreAccelerators) {
  LlmStack stack;
  stack.launch_s = 0.1e-3;  // so that bytes decide
  LlmDeployment one = on("llama2-70b", "h200"), quantised = one;
  quantised.weight_bits = 4.25;
  EXPECT_LT(decode_step(quantised, stack, 1, 128).seconds, 0.6 * decode_step(one, stack, 1, 128).seconds);
  EXPECT_LT(decode_step(on("llama2-70b", "h200", 4), stack, 1, 128).seconds,
            0.8 * decode_step(one, stack, 1, 128).seconds);
  quantised.activation_bits = 8.0;
  EXPECT_LT(prompt_step(quantised, stack, 1, 2048).seconds, 0.7 * prompt_step(one, stack, 1, 2048).seconds);
  // Experts: one sequence reads two of eight, many read nearly all.
  const LlmDeployment experts = on("mixtral-8x7b", "a100-80gb", 2);
  EXPECT_LT(decode_step(experts, stack, 1, 128).memory, 0.4 * decode_step(experts, stack, 64, 128).memory);
}

TEST(LlmEstimate, KnowsEncoders) {
  const LlmStack stack;
  const LlmDeployment deployment = on("t0pp", "a100-80gb");
  const auto token = decode_step(deployment, stack, 1, 128);
  // 24 decoder layers of half as many kernels more than 24 plain ones.
  EXPECT_NEAR(token.host, 24 * 1.5 * stack.launch_s, 1e-12);
  EXPECT_GT(prompt_step(deployment, stack, 1, 1).seconds, token.seconds + 20 * stack.launch_s);
  EXPECT_EQ(
      architecture_of_json(Json::parse(R"({"is_encoder_decoder": true, "num_layers": 24, "d_model": 4096,
    "num_heads": 64, "d_kv": 64, "d_ff": 10240, "is_gated_act": true, "vocab_size": 32128})"),
                           {})
          .parameters(),
      deployment.model.parameters());
}

TEST(LlmEstimate, MakesARuntime) {
  const LlmRuntime runtime =
      LlmCalibration{}.runtime(on("opt-13b", "a100-80gb"), 1, {1, 128, 512, 2048}, 1024);
  EXPECT_EQ(runtime.origin, "estimated");
  EXPECT_GT(runtime.seconds(512, 32), runtime.seconds(512, 1));
  EXPECT_EQ(LlmRuntime::of_json("x", runtime.json(), {}).prompt_s, runtime.prompt_s);
}

TEST(Accelerator, IsFoundAndCapped) {
  EXPECT_EQ(accelerator("A100 80GB").name, "a100-80gb");
  EXPECT_EQ(accelerator("h100").name, "h100-80gb");
  EXPECT_EQ(accelerator("h100-80gb-pcap").name, "h100-80gb");
  EXPECT_THROW(accelerator("abacus"), Error);
  const Accelerator capped = power_capped(accelerator("h100"), 350.0);
  EXPECT_LT(capped.matrix_share, accelerator("h100").matrix_share);
  EXPECT_EQ(power_capped(accelerator("h100"), 1000.0), accelerator("h100"));
  for (const double watts : {0.0, 1.0, 170.0})
    EXPECT_THROW(power_capped(accelerator("h100"), watts), Error) << watts;
}

}  // namespace
}  // namespace hone::cost
