# A repository's life: dates and names are fixed, so hashes are.
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=c GIT_COMMITTER_EMAIL=c@d GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z' GIT_CONFIG_NOSYSTEM=1 GIT_PAGER=cat
git init -q -b main r; cd r
cp -r /usr/share/common-licenses . ; mkdir src; for i in $(seq 30); do echo "file $i" > src/$i; done; ln -s src/1 link; chmod +x src/2
git add .; git status --short | head -3; git commit -qm first; git log --stat | tail -3
for i in 1 2 3; do echo "more $i" >> src/$i; git commit -qam "change $i"; done; git log --oneline
git checkout -qb side HEAD~2; echo side > src/new; git add src; git commit -qm side; git checkout -q main; git merge -q -m merged side; git log --oneline --graph
git checkout -qb conflict HEAD~1; echo ours > src/1; git commit -qam ours; git merge main >/dev/null; echo $?; echo theirs > src/1; git commit -qam conflict; git merge main; echo $?; git merge --abort 2>&1; git checkout -q main
git diff HEAD~2 --stat; git show --stat HEAD~1; git blame -s src/1; git branch -v; git tag v1; git describe --always; git stash list; echo x >> src/5; git stash -q; git stash pop; git checkout -q src/5
git rebase -q conflict~1; git log --oneline | head -3; git cherry-pick side 2>&1 | tail -1; git reset -q --hard v1; git rev-parse HEAD; git mv src/6 src/six; git commit -qm moved; git log --follow --oneline src/six
git gc -q; git fsck --full 2>&1 | grep -v dangling; git count-objects -v | grep -v size; git repack -adq; git verify-pack -v .git/objects/pack/*.idx | wc -l
cd ..; git clone -q r clone; git -C clone log --oneline | head -2; git clone -q --bare r bare; git clone -q --no-local r far; diff -r -x .git r clone && echo same; cd clone; echo y > y; git add y; git commit -qm y; git push -q ../bare HEAD:new; git -C ../bare branch; git fetch -q ../bare new; git worktree add -q ../wt v1; git worktree list | wc -l; git grep -c GNU | head -3; git archive HEAD src | sha256sum; git bundle create -q ../b HEAD; git bundle verify -q ../b; echo $?; git ls-files -s | sha256sum; git clean -fdxq; git submodule status; git no-such-command; echo $?
