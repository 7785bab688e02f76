# Runs the tests of a module and says how each ended, as Go's tests do:
# foreign.py MODULE [PART...], without those that have a PART in their names.
import os
import sys
import unittest


class Result(unittest.TestResult):
    def say(self, outcome, test):
        sys.__stdout__.write("\n--- %s: %s\n" % (outcome, test.id().replace(" ", "_")))
        sys.__stdout__.flush()

    def addSuccess(self, test):
        self.say("PASS", test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.say("FAIL", test)
        print(self.failures[-1][1])

    def addError(self, test, err):
        super().addError(test, err)
        self.say("FAIL", test)
        print(self.errors[-1][1])

    def addSkip(self, test, reason):
        self.say("SKIP", test)


def chosen(tests):
    suite = unittest.TestSuite()
    for t in tests:
        if isinstance(t, unittest.TestSuite):
            suite.addTest(chosen(t))
        elif not any(part in t.id() for part in sys.argv[2:]):
            suite.addTest(t)
    return suite


unittest.installHandler()
chosen(unittest.defaultTestLoader.loadTestsFromName("test." + sys.argv[1])).run(Result())
os._exit(0)  # threads that a test left do not matter
