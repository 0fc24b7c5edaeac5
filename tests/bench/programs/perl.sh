# SPDX-License-Identifier: LGPL-2.1-or-later
# An interpreter at its home work: patterns and substitutions over text.
exec perl -ne '
  chomp;
  next if $. > 25000;
  my ($n, @w) = split / /;
  s/([aeiou])([^aeiou ])/$2$1/g for @w;
  $count{$_}++ for @w;
  $sum += $n if /(\w)\1.*(\w)\2/;
  END {
    my $h = 0;
    for (sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count) {
      $h = ($h * 31 + length ($_) * $count{$_}) % 1000003;
    }
    print "$sum $h\n";
  }' /bench/text
