#include <dlfcn.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "signer/hsm/module.h"
#include "signer/hsm/softhsm_fixture.h"
#include "tests/support/pkcs11_probe/script.h"

namespace custody::tests::probe {
namespace {

using signer::hsm::Module;
using signer::hsm::testing::probe_module;
using signer::hsm::testing::SoftHsm;

TEST(ProbeScript, ReadsEveryAction) {
  const Script script = parse_script(
      "# comment\n\nC_Login 1 return CKR_PIN_INCORRECT\nC_Sign * high-s  # why\nC_Sign 5 delay 200\n"
      "C_Sign 4 crash-after\nC_Sign 2 return-after CKR_DEVICE_ERROR\nC_Login 3 print\n");
  ASSERT_EQ(script.error, "");
  ASSERT_EQ(script.rules.size(), 6u);
  EXPECT_EQ(script.rules[0].function, "C_Login");
  EXPECT_EQ(script.rules[0].call, 1u);
  EXPECT_EQ(script.rules[0].action, Action::kReturn);
  EXPECT_EQ(script.rules[0].rv, CKR_PIN_INCORRECT);
  EXPECT_EQ(script.rules[1].call, std::nullopt);
  EXPECT_EQ(script.rules[1].action, Action::kHighS);
  EXPECT_EQ(script.rules[2].delay_ms, 200u);
  EXPECT_EQ(script.rules[3].action, Action::kCrashAfter);
  EXPECT_EQ(script.rules[4].action, Action::kReturnAfter);
  EXPECT_EQ(script.rules[5].action, Action::kPrint);
}

TEST(ProbeScript, NamesTheLineThatItDoesNotUnderstand) {
  for (const char* bad : {"C_Sign", "C_Sign 1", "C_Sign x corrupt", "C_Sign 1 explode",
                          "C_Sign 1 return CKR_NONE", "C_Sign 1 delay soon", "C_Sign 1 corrupt 5",
                          "Sign 1 corrupt", "C_Login 1 high-s", "C_Sign 1 return CKR_DEVICE_ERROR more"}) {
    const Script script = parse_script(std::string("C_Sign 1 corrupt\n") + bad + "\n");
    EXPECT_NE(script.error.find("line 2"), std::string::npos) << bad;
  }
}

// README invariant 2.
TEST(Probe, HasEveryFunctionOfTheList) {
  const SoftHsm hsm;
  void* library = dlopen(probe_module().c_str(), RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(library, nullptr) << dlerror();
  const auto get = reinterpret_cast<CK_RV (*)(CK_FUNCTION_LIST**)>(dlsym(library, "C_GetFunctionList"));
  ASSERT_NE(get, nullptr);
  CK_FUNCTION_LIST* list = nullptr;
  ASSERT_EQ(get(&list), CKR_OK);
  EXPECT_EQ(get(nullptr), CKR_ARGUMENTS_BAD);
  constexpr std::size_t kFunctions = 68;
  const auto* functions = reinterpret_cast<void* const*>(&list->C_Initialize);
  for (std::size_t i = 0; i < kFunctions; ++i) EXPECT_NE(functions[i], nullptr) << i;
  EXPECT_EQ(sizeof(CK_FUNCTION_LIST), sizeof(void*) * (kFunctions + 1));
}

// README invariant 3.
TEST(Probe, CountsOverRestartsOfTheModule) {
  const SoftHsm hsm;
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Module::load(probe_module()).ok());
  EXPECT_EQ(hsm.count("C_Initialize"), 3u);
  EXPECT_EQ(hsm.count("C_Finalize"), 3u);
}

TEST(Probe, CountsACallThatItFails) {
  const SoftHsm hsm;
  hsm.script("C_Initialize 1 return CKR_DEVICE_ERROR\n");
  EXPECT_FALSE(Module::load(probe_module()).ok());
  EXPECT_EQ(hsm.count("C_Initialize"), 1u);
}

TEST(Probe, CrashesByTheScriptAndTheCallIsCounted) {
  for (const char* action : {"crash-before", "crash-after"}) {
    const SoftHsm hsm;
    hsm.script(std::string("C_GetSlotList 1 ") + action + "\n");
    const pid_t child = fork();
    if (child == 0) {
      const auto module = Module::load(probe_module());
      if (module.ok()) (void)signer::hsm::list_tokens(**module);
      _exit(0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << action;
    EXPECT_EQ(hsm.count("C_GetSlotList"), 1u) << action;
  }
}

}  // namespace
}  // namespace custody::tests::probe
